import type { SchedulerRules } from '../decide/scheduler.ts';
import type { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import type { Attempt } from '../execute/attempt.ts';
import type { Blocker } from '../server/blockers.ts';
import type { Session } from '../server/session.ts';
import type { Target } from '../state/target.ts';
import type { OutcomeContext } from './outcome.ts';
import type { SchemaBatches } from './schema-batches.ts';

/** What an attempt must heed: the limits of the run, and how the schema's last attempt ended. */
export interface StartLimits {
  /** Whether the run starts nothing more. */
  readonly isStopped: () => boolean;
  /** Announces that the attempt fails, so that the limits count it at once. */
  readonly failing: () => void;
  /** Give each file a transaction of its own: one of those that shared one may have ended the connection. */
  readonly apart: boolean;
}

/** When a fleet stops starting schemas, and which go first. */
export interface FleetRules extends Pick<SchedulerRules<Target>, 'stopRule' | 'canaries'> {
  /** Checks the canaries before the others start; gives why they must not, or `null`. */
  readonly checkCanaries?:
    | ((session: () => Promise<Session>, canaries: readonly string[]) => Promise<SqlmigError | null>)
    | undefined;
}

/** The work to do in each schema of a fleet, and its rules. */
export interface FleetWork {
  readonly context: OutcomeContext;
  readonly openSession: () => Promise<Session>;
  /** The number of workers; each has a session. */
  readonly concurrency: number;
  /** When to stop starting schemas, and which go first; by default, all are started. */
  readonly rules?: FleetRules | undefined;
  /** Give up after this many milliseconds without progress. */
  readonly waitForLockMs: number;
  /** The sessions last seen to block a schema's file (see `LockWatch`). */
  readonly blockersOf: (schema: string) => readonly Blocker[];
  /** Whether a schema has work. */
  readonly hasWork: (target: Target) => boolean;
  /** Why a schema must not be touched, or `null`. */
  readonly schemaRefusal: (target: Target) => SqlmigError | null;
  /** Does the work of a schema. */
  readonly attempt: (session: Session, target: Target, limits: StartLimits) => Promise<Attempt>;
  /** Lets schemas share messages; `null` if each goes alone. */
  readonly batches: SchemaBatches | null;
  readonly rereadTarget: (session: Session, schema: string) => Promise<Target>;
  /** Whether the tenant source still lists a schema that does not exist. */
  readonly isListed: (session: Session, schema: string) => Promise<boolean>;
  /** Creates a schema whether or not it is listed. */
  readonly createsUnlisted?: boolean;
  /** Reads again what public holds. @throws SqlmigError `public-behind` if that is less than before. */
  readonly refreshGate: (session: Session) => Promise<void>;
  /** What fails or is skipped is in the run log, so that `up --only-failed` continues. */
  readonly isLogged?: boolean;
  /** Leaves a closing session to the end of the run: a backend that has done much takes a while to exit. */
  readonly ending: (closing: Promise<void>) => void;
  readonly signal: AbortSignal;
  readonly emit: OnEvent;
}
