/** Which of the two folders a migration comes from, and which schemas it is for. */
export type Scope = 'public' | 'tenant';

/** Where the names of a database's tenants come from. */
export type TenantSource =
  | { readonly kind: 'history' }
  | {
      readonly kind: 'query';
      readonly query: string;
      /** A statement that makes the query list the tenant `$1`; `null` where the config gives none. */
      readonly register: string | null;
    }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'list'; readonly list: readonly unknown[] }
  | { readonly kind: 'function'; readonly load: () => unknown };

/** One SQL file, read and checksummed but not yet parsed. */
export interface Migration {
  readonly scope: Scope;
  /** Digits exactly as in the file name; `null` for a repeatable. */
  readonly version: string | null;
  readonly name: string;
  /** sha-256 of the text without BOM and with LF line ends, lower-case hex. */
  readonly checksum: string;
  /** Path as shown to people: relative to the working directory. */
  readonly file: string;
  /** The text without BOM, line ends as they are. */
  readonly text: string;
  /** The versions that a baseline stands for; none for all others. */
  readonly replaces?: readonly { readonly from: string; readonly to: string }[];
}

/** A migration that was parsed and may be sent. */
export interface Script {
  readonly migration: Migration;
  /** What is sent: the text with blanks for pairs of BEGIN and COMMIT and for a dump's head, all positions unchanged. */
  readonly text: string;
  readonly statements: readonly Statement[];
  /** Why it cannot run in a transaction, in words; `null` where it can. */
  readonly nonTransactional: string | null;
  /** True where a tenant file says that it means to change public. */
  readonly allowsPublic: boolean;
  readonly lints: readonly Lint[];
  /** What puts extensions into schemas. In a tenant file `CREATE EXTENSION` is skipped before it runs. */
  readonly extensions: readonly ExtensionStatement[];
  readonly sharedRows: SharedRows;
}

/** A `CREATE EXTENSION`, an `ALTER EXTENSION ... SET SCHEMA`, or a block that has the words of the first. */
export interface ExtensionStatement {
  readonly kind: 'create' | 'move' | 'block';
  readonly name: string;
  /** The schema it asks for; `null` where it names none. */
  readonly schema: string | null;
  /** UTF-16 indexes into the file. */
  readonly start: number;
  readonly end: number;
}

/** Which rows of the system catalogues a script changes that all tenants share, as far as its text says. */
export interface SharedRows {
  /** True where it changes some for certain. */
  readonly certain: boolean;
  /** Names whose rows it changes, schemas among them: shared where they mean something outside of the tenant. */
  readonly names: ReadonlySet<string>;
}

/** One statement of a script; offsets are UTF-16 indexes into `Script.text`. */
export interface Statement {
  readonly start: number;
  readonly end: number;
  /** Node type of the PostgreSQL parser, such as `CreateStmt`. */
  readonly kind: string;
  readonly reach: Reach;
}

/** Which names of the database a statement can change the structure of, as far as its text says. */
export interface Reach {
  /** Every name it mentions where a name could be what it changes; as the parser folds them. */
  readonly names: ReadonlySet<string>;
  /** Every word that could name a schema, those in blocks and function bodies included. */
  readonly words: ReadonlySet<string>;
  /** True where the text does not tell, such as for a DO block: only the catalogues can, afterwards. */
  readonly opaque: boolean;
  /** True for an opaque statement that may change structure; writing rows fires triggers, but nothing more is expected of those. */
  readonly code: boolean;
  /** True where it may grant or revoke privileges. */
  readonly privileges: boolean;
  /** True where it may move an object into another schema. */
  readonly moves: boolean;
  /** True where it makes something temporary, which would outlive its transaction. */
  readonly temporary: boolean;
  /** The relations it is about by kind and syntax, for statements that cannot be rolled back. */
  readonly targets: readonly QualifiedName[];
}

/** A name with its schema, where one is written. */
export interface QualifiedName {
  readonly schema: string | null;
  readonly name: string;
}

/** Something in a file that may not do what it seems to; nothing is wrong for certain. */
export interface Lint {
  /**
   * `hard-coded-schema`, `shared-object`, `unfiltered-catalogue`, `extension-skipped`, `extension-missing`,
   * `newer-grammar`, `dump-head` or `dump-of-schema`.
   */
  readonly rule: string;
  /** UTF-16 index into the file. */
  readonly index: number;
  readonly message: string;
}

/** What a schema's history says of one migration. */
export interface HistoryRow {
  /** Without leading zeros; `null` for a repeatable. */
  readonly version: string | null;
  readonly name: string;
  readonly checksum: string;
  readonly state: 'applied' | 'running';
  /** True where a statement of it was begun and may not be done: only `repair` goes on from there. */
  readonly inDoubt?: boolean;
}

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
  | 'failed'
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
interface FileFinding {
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
