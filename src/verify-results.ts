import type {
  DatabaseOutcome,
  DownFileFinding,
  ErrorDetails,
  Finding,
  LintFinding,
  ScopeName,
} from './results.ts';

/** How an object differs from what it should be. */
export type DriftKind =
  | 'missing-object'
  | 'extra-object'
  | 'changed-object'
  | 'invalid-index'
  | 'not-validated';

/** A difference between the structure of some schemas and what they should have. */
export interface DriftFinding {
  readonly kind: 'drift';
  readonly difference: DriftKind;
  readonly database: string;
  /** The first of `schemas`. */
  readonly schema: string;
  /** Every schema that has this difference. */
  readonly schemas: readonly string[];
  readonly scope: ScopeName;
  /** The kind of the object, such as `column`. */
  readonly objectKind: string;
  /** Its name, after that of the table that it belongs to: `users.email`. */
  readonly object: string;
  /** What differs in an object that is expected and exists, such as `type`; `null` for the object itself. */
  readonly attribute: string | null;
  /** `null` if it is not expected. */
  readonly expected: string | null;
  /** `null` if it does not exist. */
  readonly actual: string | null;
  /** The file that created the object, or changed it last; absent if no file names it. */
  readonly file?: string;
  /** It makes `ok` false only with `strict`: the order of columns. */
  readonly warning?: true;
  readonly message: string;
}

/** Files that could not be replayed, so that the structure of these schemas was not compared. */
export interface NotReplayedFinding {
  readonly kind: 'not-replayed';
  readonly database: string;
  /** The first of `schemas`. */
  readonly schema: string;
  readonly schemas: readonly string[];
  readonly scope: ScopeName;
  readonly message: string;
  readonly error: ErrorDetails;
}

/** A statement that a replay skips. */
export interface LeftOutStatement {
  readonly file: string;
  readonly line: number;
  /** What it does, in words. */
  readonly what: string;
}

/** SQL that would give schemas with the same differences the structure that they should have. */
export interface StructureFix {
  readonly scope: ScopeName;
  /** The schemas, and the `search_path` with which the statements must run there. */
  readonly schemas: readonly { readonly schema: string; readonly searchPath: string }[];
  /** In the order in which they must run. */
  readonly statements: readonly string[];
  /** The objects whose differences no statement removes, and why. */
  readonly without: readonly { readonly object: string; readonly why: string }[];
}

/** Tenants with the same applied migrations and the same structure. */
export interface SiblingGroup {
  readonly version: string | null;
  readonly schemas: readonly string[];
  /** The largest group of those with these migrations: the others are compared with it. */
  readonly norm: boolean;
}

/** What a comparison of structures covered. */
export interface StructureReport {
  /** What the schemas were compared with: what their files build, or the other tenants. */
  readonly basis: 'files' | 'siblings';
  /** The number of schemas that were compared. */
  readonly compared: number;
  /** What was not compared, and why. */
  readonly notCompared: readonly { readonly schemas: readonly string[]; readonly why: string }[];
  /** Statements in files that the replay skipped. */
  readonly leftOut: readonly LeftOutStatement[];
  /** The tenants by structure, if they were compared with each other. */
  readonly siblings?: readonly SiblingGroup[];
  /** SQL that would remove the differences, if asked for. */
  readonly fixes?: readonly StructureFix[];
}

/** A schema that `verify` compared with the files. */
export interface VerifiedSchema {
  readonly database: string;
  readonly schema: string;
  readonly scope: ScopeName;
  readonly version: string | null;
  /** The number of applied migrations that were compared with their files. */
  readonly compared: number;
  /** The number of pending migrations. */
  readonly pending: number;
}

/** What `verify` found out about one of several databases. */
export interface VerifiedDatabase extends DatabaseOutcome {
  readonly structure?: StructureReport;
}

/** The result of `verify`. Lints and pending migrations make `ok` false only if the options say so. */
export interface VerifyResult {
  readonly ok: boolean;
  readonly findings: readonly (Finding | LintFinding | DownFileFinding | DriftFinding | NotReplayedFinding)[];
  readonly schemas: readonly VerifiedSchema[];
  /** What was compared of the structure, if it was. */
  readonly structure?: StructureReport;
  readonly tenantsUnknown?: string;
  /** If the config has several databases, each of them with its own `structure` and `tenantsUnknown`. */
  readonly databases?: readonly VerifiedDatabase[];
}
