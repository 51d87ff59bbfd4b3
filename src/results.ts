import type { FileCost, RehearsalSample, TakenLock, UnrehearsedFile, WorstCosts } from './cost-results.ts';

/** The folder that a migration comes from, and the schemas it is for. */
export type Scope = 'public' | 'tenant';

/** A scope in results: `public`, `tenant` for the files of all tenants, or the name of one of the config's `scopes`. */
export type ScopeName = Scope | (string & {});

/** A place in a file. Line and column start at 1, and a column counts code points. */
export interface Location {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The source line; of a long line, only the part around the place. */
  readonly lineText: string;
  /** The column in `lineText`, from 1. */
  readonly caret: number;
}

/**
 * Why a schema cannot be migrated: a problem with its history, a drop that was interrupted, a move to another database, or
 * a name that no schema can have.
 */
export type TroubleKind =
  | 'foreign-history'
  | 'history-damaged'
  | 'history-unreadable'
  | 'half-dropped'
  | 'tenant-moved'
  | 'bad-tenant-name';

/** A kind of difference between the files, a schema's history and the tenant source. */
export type FindingKind =
  | 'checksum-changed'
  | 'renamed'
  | 'file-missing'
  | 'out-of-order'
  | 'incomplete'
  | 'baseline-incomplete'
  | 'unlisted'
  | TroubleKind;

/** A difference between the files, a schema's history and the tenant source. */
export interface Finding {
  readonly kind: FindingKind;
  readonly database: string;
  readonly schema: string;
  readonly scope: ScopeName;
  readonly version?: string;
  readonly name?: string;
  readonly file?: string;
  readonly message: string;
}

/** A problem in a file, with its place. It concerns every schema of the file's scope. */
export interface FileFinding {
  readonly database: string;
  readonly schema: null;
  readonly scope: ScopeName;
  readonly version?: string;
  readonly name: string;
  /** The rule of a lint, or the error code of a mistake. */
  readonly rule: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** A lint with its place. */
export interface LintFinding extends FileFinding {
  readonly kind: 'lint';
}

/** A mistake in a `.down.sql` file. `up` never runs such files, so it prevents only `down`. */
export interface DownFileFinding extends FileFinding {
  readonly kind: 'down-file';
}

/** An error as plain data, identical in `--json`, events and results. */
export interface ErrorDetails {
  readonly code: string;
  readonly message: string;
  readonly sqlstate?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** The source line of `line` and `column`; of a long line, about 120 characters around the place. */
  readonly lineText?: string;
  /** The column in `lineText`, from 1. */
  readonly caret?: number;
  /** The number of the statement in its file, from 1. */
  readonly statement?: number;
  /** The number of statements in the file. */
  readonly statements?: number;
  readonly schema?: string;
  readonly database?: string;
  /** The current state, such as "rolled back; acme is at 0006". */
  readonly state?: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** A migration that a run applied. */
export interface AppliedMigration {
  /** The digits in the file name, or `null` for a repeatable. */
  readonly version: string | null;
  readonly name: string;
  readonly durationMs: number;
}

/** What a run did to one schema. */
export interface SchemaOutcome {
  readonly database: string;
  readonly schema: string;
  readonly scope: ScopeName;
  readonly state: 'applied' | 'up-to-date' | 'failed' | 'skipped';
  /** The newest applied version, with the digits in the file name, or `null` if nothing is applied. */
  readonly version: string | null;
  /** As in `SchemaStatus`. */
  readonly unmanaged?: true;
  readonly migrations: readonly AppliedMigration[];
  /** `false` if the server stopped before these commits were known to be on disk. */
  readonly confirmed?: false;
  /** In a rehearsal, the locks that `up` would take and that can block other sessions. */
  readonly locks?: readonly TakenLock[];
  /** In a rehearsal, what each file would cost; up to a file that failed. */
  readonly costs?: readonly FileCost[];
  /** In a rehearsal, the pending files that were not rehearsed. If none was, the schema is `skipped`, without an error. */
  readonly unrehearsed?: readonly UnrehearsedFile[];
  readonly error?: ErrorDetails;
}

/** A warning or notice that the server sent, with the schemas whose files caused it. */
export interface ServerWarning {
  /** `WARNING` or `NOTICE`. */
  readonly severity: string;
  readonly sqlstate: string;
  readonly message: string;
  /** The file, if only one can have caused it. */
  readonly file?: string;
  /** The line, from 1, if it is certain which statement caused it. */
  readonly line?: number;
  /** The first ten schemas. */
  readonly schemas: readonly string[];
  /** The number of schemas. */
  readonly count: number;
  /** The name of the database in the config, if the config has several. */
  readonly database?: string;
}

/** What a command did in one of several databases. */
export interface DatabaseOutcome {
  /** Its name in the config. */
  readonly database: string;
  readonly ok: boolean;
  /** Its host and port, or the path of its socket, in results that name those of a single database. */
  readonly host?: string;
  /** Why the command could not begin there, or what stopped it and does not belong to one schema. */
  readonly error?: ErrorDetails;
  /** Why its tenants are unknown, if they can be listed only after public is migrated. */
  readonly tenantsUnknown?: string;
}

/** Where a result is from: `host` and `database` of one database, or `databases` if the config has several. */
export interface ResultPlace {
  /** The server's host and port, or the path of its socket. */
  readonly host?: string;
  readonly database?: string;
  /** What each database adds to the result. */
  readonly databases?: readonly DatabaseOutcome[];
}

/** What one file costs in all schemas of its scope in which it was rehearsed. */
export interface RehearsedFile extends WorstCosts {
  readonly scope: ScopeName;
}

/** A file that was not rehearsed in some schemas of its scope. */
export interface UnrehearsedInScope extends UnrehearsedFile {
  readonly scope: ScopeName;
  /** The number of schemas. */
  readonly schemas: number;
}

/** What the results of `up` and `down` share. `failed` and `skipped` are numbers of schemas. */
export interface RunResult {
  readonly ok: boolean;
  /** True if this was a rehearsal, and everything was rolled back. */
  readonly rehearsed?: boolean;
  /** In a rehearsal, what each file would cost, public first. */
  readonly costs?: readonly RehearsedFile[];
  /** In a rehearsal, the pending files that were not rehearsed, public first; without those after a file that failed. */
  readonly unrehearsed?: readonly UnrehearsedInScope[];
  /** Which tenants a rehearsal of a sample ran in. `schemas` also has up-to-date ones and those that wait for other scopes. */
  readonly sample?: RehearsalSample;
  readonly runId: string;
  readonly failed: number;
  readonly skipped: number;
  /** The number of schemas that are not confirmed. */
  readonly unconfirmed: number;
  readonly durationMs: number;
  /** The server's warnings and important notices, one entry per file and text; at most a thousand. */
  readonly warnings: readonly ServerWarning[];
  /** An error that stopped the run after it had started, and does not belong to one schema. */
  readonly error?: ErrorDetails;
  /** What was done in each database, if the config has several; `error` is then in these. */
  readonly databases?: readonly DatabaseOutcome[];
}

/** The result of `up`. `applied` and `upToDate` are numbers of schemas. */
export interface UpResult extends RunResult {
  readonly applied: number;
  readonly upToDate: number;
  readonly schemas: readonly SchemaOutcome[];
}

/** What `down` did to one schema. */
export interface UndoneSchema extends Omit<SchemaOutcome, 'state' | 'unmanaged' | 'migrations'> {
  readonly state: 'undone' | 'unchanged' | 'failed' | 'skipped';
  /** The migrations that were undone, in that order. */
  readonly migrations: readonly AppliedMigration[];
}

/** The result of `down`. `undone` and `unchanged` are numbers of schemas. */
export interface DownResult extends RunResult {
  /** True if `accept` refused: nothing was touched, and `schemas` is empty. */
  readonly declined?: true;
  readonly undone: number;
  readonly unchanged: number;
  readonly schemas: readonly UndoneSchema[];
}

/** The migrations that `up` would apply to one schema. */
export interface PlannedSchema {
  readonly database: string;
  readonly schema: string;
  readonly scope: ScopeName;
  readonly version: string | null;
  /** As in `SchemaStatus`. */
  readonly unmanaged?: true;
  readonly migrations: readonly {
    readonly version: string | null;
    readonly name: string;
    /** The file that would run. */
    readonly file: string;
  }[];
  /** Why this schema would be refused. */
  readonly error?: ErrorDetails;
}

/** The result of `plan`: what `up` would do. */
export interface PlanResult extends ResultPlace {
  readonly ok: boolean;
  readonly schemas: readonly PlannedSchema[];
  /**
   * Lints of files that no schema has applied yet, mistakes in `.down.sql` files, and applied migrations whose file no
   * longer exists (`file-missing`, one per schema). `up` runs in spite of them.
   */
  readonly warnings: readonly (LintFinding | DownFileFinding | Finding)[];
  /** As in `DatabaseOutcome`, which has it if there are several databases. */
  readonly tenantsUnknown?: string;
}

/** The result of `planDown`: what `down` would do. `migrations` are those it would undo, in that order. */
export interface DownPlan extends ResultPlace, Pick<PlanResult, 'ok'> {
  readonly schemas: readonly PlannedSchema[];
}

/** The migration status of one schema. */
export interface SchemaStatus {
  readonly database: string;
  readonly schema: string;
  readonly scope: ScopeName;
  readonly version: string | null;
  /** The schema has tables, but no applied migration: `up` would run every file. */
  readonly unmanaged?: true;
  /** The number of pending migrations. */
  readonly pending: number;
  readonly findings: readonly Finding[];
}

/** The result of `status`. `ok` is false if there is a pending migration or a finding. */
export interface StatusResult extends ResultPlace {
  readonly ok: boolean;
  readonly schemas: readonly SchemaStatus[];
  readonly tenantsUnknown?: string;
}

/** The result of `checkFiles`. Findings make `ok` false only with `strict`; mistakes are exceptions. */
export interface CheckResult {
  readonly ok: boolean;
  /** The number of files that were checked. */
  readonly files: number;
  readonly findings: readonly (
    | Omit<LintFinding, 'database' | 'schema'>
    | Omit<DownFileFinding, 'database' | 'schema'>
  )[];
}
