import type { RunEvent } from '../events.ts';
import type { LocksResult } from '../operations/locks.ts';
import type { RunsResult } from '../operations/runs.ts';
import type {
  CheckResult,
  DownPlan,
  DownResult,
  ErrorDetails,
  PlanResult,
  RunResult,
  SchemaOutcome,
  StatusResult,
  UndoneSchema,
  UpResult,
} from '../results.ts';
import type { VerifyResult } from '../verify-results.ts';

// test/schemas.test.ts generates the files in schema from these types.

/** The version of these formats. It changes if a key is removed or its meaning changes, not if one is added. */
export const formatVersion = 1;

interface Versioned {
  /** The version of the format. */
  readonly version: typeof formatVersion;
}

/** The document of a command that failed. */
interface ErrorDocument extends Versioned {
  readonly ok: false;
  /** The first of `errors`. */
  readonly error: ErrorDetails;
  readonly errors: readonly ErrorDetails[];
}

/** The document of `up --json`. */
export type UpDocument = (UpResult & Versioned) | ErrorDocument;

/** The document of `down --json`. */
export type DownDocument = (DownResult & Versioned) | ErrorDocument;

/** The document of `down --dry-run --json`. */
export type DownPlanDocument = (DownPlan & Versioned) | ErrorDocument;

/** The document of `plan --json` and `up --dry-run --json`. */
export type PlanDocument = (PlanResult & Versioned) | ErrorDocument;

/** The document of `status --json`. */
export type StatusDocument = (StatusResult & Versioned) | ErrorDocument;

/** The document of `verify --json`. */
export type VerifyDocument = (VerifyResult & Versioned) | ErrorDocument;

/** The document of `check --json`. */
export type CheckDocument = (CheckResult & Versioned) | ErrorDocument;

/** The document of `locks --json`. */
export type LocksDocument = (LocksResult & Versioned & { readonly ok: boolean }) | ErrorDocument;

/** The document of `runs --json`. */
export type RunsDocument = (RunsResult & Versioned & { readonly ok: boolean }) | ErrorDocument;

/** How important a line of the log is. */
export type Level = 'error' | 'warn' | 'info' | 'debug';

/** The keys of every line of `--log-format json`. */
interface Stamp {
  readonly time: string;
  readonly level: Level;
  /** `null` until a run has started. */
  readonly runId: string | null;
}

/** The end of a run, without the parts that have separate lines. */
type FinishedRun = Omit<RunResult, 'warnings'> &
  (Pick<UpResult, 'applied' | 'upToDate'> | Pick<DownResult, 'undone' | 'unchanged'>) & {
    readonly type: 'run-finished';
    /** As in `RunEvent`. */
    readonly database?: string;
  };

/** Further schemas that ended like one with a schema-finished line of its own. */
export interface FinishedAlike {
  readonly type: 'schemas-finished';
  readonly state: (SchemaOutcome | UndoneSchema)['state'];
  /** Their error, without what differs between them. */
  readonly error: Omit<ErrorDetails, 'schema' | 'state'>;
  /** The first hundred. */
  readonly schemas: readonly string[];
  /** The number of schemas. */
  readonly count: number;
}

/** An error without a schema-finished line. */
export interface LoggedError extends ErrorDetails {
  readonly type: 'error';
  /** If other schemas have the same error: all of them, up to a hundred. */
  readonly schemas?: readonly string[];
  /** The number of schemas. */
  readonly count?: number;
  /** With `--verbose`, where a defect of sqlmig occurred. */
  readonly stack?: readonly string[];
}

type Stamped<T> = T extends unknown ? Stamp & T : never;

/** A line of `--log-format json`. */
export type LogLine = Stamped<
  Exclude<RunEvent, { readonly type: 'run-finished' }> | FinishedRun | FinishedAlike | LoggedError
>;
