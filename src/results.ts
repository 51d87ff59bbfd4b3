import type { DownFileFinding, ErrorDetails, Finding, LintFinding, Scope } from './model.ts';

/** What `up` would do to one schema. */
export interface PlannedSchema {
  readonly database: string;
  readonly schema: string;
  readonly scope: Scope;
  readonly version: string | null;
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
   * What may surprise in files that no schema has applied yet, mistakes in `.down.sql` files, and applied migrations whose file is
   * gone (`file-missing`, one a schema): `up` goes on without them.
   */
  readonly warnings: readonly (LintFinding | DownFileFinding | Finding)[];
  /** Set when the tenants can only be known after public is applied. */
  readonly tenantsUnknown?: string;
}

/** Where one schema stands. */
export interface SchemaStatus {
  readonly database: string;
  readonly schema: string;
  readonly scope: Scope;
  readonly version: string | null;
  /** How many migrations are pending. */
  readonly pending: number;
  readonly findings: readonly Finding[];
}

/** Where the fleet stands; `ok` is false when anything is pending or found. */
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
