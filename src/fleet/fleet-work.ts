import type { SchedulerRules } from '../decide/scheduler.ts';
import type { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import type { Attempt } from '../execute/attempt.ts';
import type { Blocker } from '../server/blockers.ts';
import type { Session } from '../server/session.ts';
import type { Target } from '../state/target.ts';
import type { OutcomeContext } from './outcome.ts';
import type { SchemaBatches } from './schema-batches.ts';

/** All that migrating a set of schemas needs. */
export interface FleetWork {
  readonly outcomes: OutcomeContext;
  readonly openSession: () => Promise<Session>;
  /** How many workers, each with a session. */
  readonly concurrency: number;
  /** When no more schemas are started, and which go first; without it all are. */
  readonly limits?: Pick<SchedulerRules<Target>, 'stopRule' | 'canaries'> | undefined;
  /** Give up after so many milliseconds without any progress. */
  readonly waitForLockMs: number;
  /** Who was in the way of a schema's file when it was last seen to wait (see `LockWatch`). */
  readonly blockersOf: (schema: string) => readonly Blocker[];
  /** Whether there is something to do in a schema. */
  readonly hasWork: (target: Target) => boolean;
  /** Why nothing may be done in it, or `null`. */
  readonly refusalOf: (target: Target) => SqlmigError | null;
  /** Does it; never throws. */
  readonly attempt: (session: Session, target: Target) => Promise<Attempt>;
  /** Lets schemas share messages; `null` where each goes alone. */
  readonly batches: SchemaBatches | null;
  readonly rereadTarget: (session: Session, schema: string) => Promise<Target>;
  /** Whether the tenant source still lists a schema that is gone. */
  readonly isListed: (session: Session, schema: string) => Promise<boolean>;
  /** Reads again what public holds; throws `public-behind` where that is less than this run needs. */
  readonly refreshGate: (session: Session) => Promise<void>;
  /** Takes what the run waits for at its end: a backend that has done much takes a while to go. */
  readonly ending: (closing: Promise<void>) => void;
  readonly signal: AbortSignal;
  readonly emit: OnEvent;
}
