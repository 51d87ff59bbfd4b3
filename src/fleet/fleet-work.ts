import type { SchedulerRules } from '../decide/scheduler.ts';
import type { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import type { Attempt } from '../execute/attempt.ts';
import type { Blocker } from '../server/blockers.ts';
import type { Session } from '../server/session.ts';
import type { Target } from '../state/target.ts';
import type { OutcomeContext } from './outcome.ts';
import type { SchemaBatches } from './schema-batches.ts';

/** The limits for an attempt: those of the run, and one from the schema's last attempt. */
export interface StartLimits {
  /** Whether the run starts nothing more. */
  readonly isStopped: () => boolean;
  /** Reports that the attempt is failing, so that the limits count it at once. */
  readonly failing: () => void;
  /** Give each file its own transaction: a file that shared one may have ended the connection. */
  readonly apart: boolean;
}

/** When a fleet stops starting schemas, and which go first. */
export interface FleetRules extends Pick<SchedulerRules<Target>, 'stopRule' | 'canaries'> {
  /** Checks the canaries before the others start. Returns why these must not start, or `null`. */
  readonly checkCanaries?:
    | ((session: () => Promise<Session>, canaries: readonly string[]) => Promise<SqlmigError | null>)
    | undefined;
}

/** The work to do in each schema of a fleet, and its rules. */
export interface FleetWork {
  readonly context: OutcomeContext;
  readonly openSession: () => Promise<Session>;
  /** Whether a session has read the history of a schema, which makes it the fastest to migrate it. */
  readonly hasRead?: (session: Session, schema: string) => boolean;
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
  /** Lets schemas share messages; `null` if each has its own. */
  readonly batches: SchemaBatches | null;
  readonly rereadTarget: (session: Session, schema: string) => Promise<Target>;
  /** Whether the tenant source still lists a schema that does not exist. */
  readonly isListed: (session: Session, schema: string) => Promise<boolean>;
  /** Creates a schema whether or not it is listed. */
  readonly createsUnlisted?: boolean;
  /** Reads again what public contains. @throws SqlmigError `public-behind` if a version is missing. */
  readonly refreshGate: (session: Session) => Promise<void>;
  /** The run log names failed and skipped schemas, so that `up --only-failed` can continue. */
  readonly isLogged?: boolean;
  /** Lets the end of the run wait for a closing session: after much work a backend takes a while to exit. */
  readonly ending: (closing: Promise<void>) => void;
  readonly signal: AbortSignal;
  readonly emit: OnEvent;
}
