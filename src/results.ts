/** Which of the two folders a migration comes from, and which schemas it is for. */
export type Scope = 'public' | 'tenant';

/** A place in a file: line and column count from 1, columns in code points. */
export interface Location {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The source line, or what stands around the place in a long one. */
  readonly lineText: string;
  /** The place's column in `lineText`, from 1. */
  readonly caret: number;
}

/** Why nothing is known of a schema: its history cannot be read, or its name cannot be a schema's. */
export type TroubleKind = 'foreign-history' | 'history-damaged' | 'history-unreadable' | 'bad-tenant-name';

/** What is wrong between the files, one schema's history and the list of tenants. */
export type FindingKind =
  | 'checksum-changed'
  | 'renamed'
  | 'file-missing'
  | 'out-of-order'
  | 'incomplete'
  | 'baseline-incomplete'
  | 'unlisted'
  | TroubleKind;

/** One difference between the files and one schema's history. */
export interface Finding {
  readonly kind: FindingKind;
  readonly database: string;
  readonly schema: string;
  readonly scope: Scope;
  readonly version?: string;
  readonly name?: string;
  readonly file?: string;
  readonly message: string;
}

/** What is found in a file, with its place. It is about every schema of the file's scope. */
export interface FileFinding {
  readonly database: string;
  readonly schema: null;
  readonly scope: Scope;
  readonly version?: string;
  readonly name: string;
  /** The lint's rule, or the mistake's error code. */
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

/** A mistake in a `.down.sql` file. No run reads such files, so it stops nothing. */
export interface DownFileFinding extends FileFinding {
  readonly kind: 'down-file';
}

/** An error as plain data: the same in `--json`, in events and in results. */
export interface ErrorDetails {
  readonly code: string;
  readonly message: string;
  readonly sqlstate?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** The source line that `line` and `column` point into; of a long one some 120 characters around the place. */
  readonly lineText?: string;
  /** The place's column in `lineText`, from 1. */
  readonly caret?: number;
  /** Number of the statement in its file, from 1. */
  readonly statement?: number;
  /** How many statements the file has. */
  readonly statements?: number;
  readonly schema?: string;
  readonly database?: string;
  /** What is true now, such as "rolled back; acme is at 0006". */
  readonly state?: string;
  readonly hint?: string;
}

/** A migration that a run applied. */
export interface AppliedMigration {
  /** Digits as in the file name; `null` for a repeatable. */
  readonly version: string | null;
  readonly name: string;
  readonly durationMs: number;
}

/** A lock on something that was there before, strong enough for other sessions to feel. */
export interface TakenLock {
  readonly schema: string;
  readonly relation: string;
  /** As in pg_locks, such as `AccessExclusiveLock`. */
  readonly mode: string;
}

/** What happened to one schema in a run. */
export interface SchemaOutcome {
  readonly database: string;
  readonly schema: string;
  readonly scope: Scope;
  readonly state: 'applied' | 'up-to-date' | 'failed' | 'skipped';
  /** The newest applied version, digits as in the file name; `null` where nothing is applied. */
  readonly version: string | null;
  /** As in `SchemaStatus`. */
  readonly unmanaged?: true;
  readonly migrations: readonly AppliedMigration[];
  /** `false` where the server was gone before it could say that these commits are on disk. */
  readonly confirmed?: false;
  /** In a rehearsal: what other sessions would have had to wait for. */
  readonly locks?: readonly TakenLock[];
  readonly error?: ErrorDetails;
}

/** A warning or notice of the server, with the schemas whose files caused it. */
export interface ServerWarning {
  /** WARNING or NOTICE. */
  readonly severity: string;
  readonly sqlstate: string;
  readonly message: string;
  /** The file, where only one can have caused it. */
  readonly file?: string;
  /** From 1; where the statement is certain. */
  readonly line?: number;
  /** The first ten. */
  readonly schemas: readonly string[];
  /** How many schemas. */
  readonly count: number;
}

/** What `up` did; `applied`, `upToDate`, `failed` and `skipped` count schemas. */
export interface UpResult {
  readonly ok: boolean;
  /** True when everything was rolled back again. */
  readonly rehearsed?: boolean;
  readonly runId: string;
  readonly applied: number;
  readonly upToDate: number;
  readonly failed: number;
  readonly skipped: number;
  /** How many of these schemas are not confirmed. */
  readonly unconfirmed: number;
  readonly durationMs: number;
  readonly schemas: readonly SchemaOutcome[];
  /** What the server warned of, or noticed itself, each text of a file once; at most a thousand. */
  readonly warnings: readonly ServerWarning[];
  /** What stopped the run after it had begun, and is no schema's own. */
  readonly error?: ErrorDetails;
}

/** What `up` would do to one schema. */
export interface PlannedSchema {
  readonly database: string;
  readonly schema: string;
  readonly scope: Scope;
  readonly version: string | null;
  /** As in `SchemaStatus`. */
  readonly unmanaged?: true;
  readonly migrations: readonly {
    readonly version: string | null;
    readonly name: string;
    readonly file: string;
  }[];
  /** Why `up` would refuse this schema. */
  readonly error?: ErrorDetails;
}

/** What `up` would do, touching nothing. */
export interface PlanResult {
  readonly ok: boolean;
  /** The server's host and port, or the path of its socket, and what it calls the database. */
  readonly host: string;
  readonly database: string;
  readonly schemas: readonly PlannedSchema[];
  /**
   * Lints of files that no schema has applied yet, mistakes in `.down.sql` files, and applied migrations whose file is
   * gone (`file-missing`, one per schema): `up` goes on without them.
   */
  readonly warnings: readonly (LintFinding | DownFileFinding | Finding)[];
  /** Set when the tenants can only be known after public is applied. */
  readonly tenantsUnknown?: string;
}

/** The migration status of one schema. */
export interface SchemaStatus {
  readonly database: string;
  readonly schema: string;
  readonly scope: Scope;
  readonly version: string | null;
  /** The schema has tables, and no migration is recorded there: `up` would run every file. */
  readonly unmanaged?: true;
  /** How many migrations are pending. */
  readonly pending: number;
  readonly findings: readonly Finding[];
}

/** The migration status of the fleet; `ok` is false when anything is pending or found. */
export interface StatusResult {
  readonly ok: boolean;
  /** The server's host and port, or the path of its socket, and what it calls the database. */
  readonly host: string;
  readonly database: string;
  readonly schemas: readonly SchemaStatus[];
  readonly tenantsUnknown?: string;
}

/** One schema that `verify` compared with the files. */
export interface VerifiedSchema {
  readonly database: string;
  readonly schema: string;
  readonly scope: Scope;
  readonly version: string | null;
  /** How many applied migrations were compared with their files. */
  readonly compared: number;
  /** How many migrations are pending. */
  readonly pending: number;
}

/** What `verify` found; lints and pending migrations make `ok` false only where they were asked to. */
export interface VerifyResult {
  readonly ok: boolean;
  readonly findings: readonly (Finding | LintFinding | DownFileFinding)[];
  readonly schemas: readonly VerifiedSchema[];
  readonly tenantsUnknown?: string;
}
