import type { HistoryRow } from '../history/row.ts';
import type { Scope } from '../results.ts';
import type { NoticeSource, ServerNotice } from '../server/notice.ts';
import type { Script } from '../sql/migration.ts';
import { quoteIdentifier } from '../sql/quote.ts';
import { tenantSearchPath } from '../sql/search-path.ts';

/** What all units of a run share. */
export interface UnitContext {
  readonly runId: string;
  readonly host: string;
  readonly appliedBy: string;
  readonly publicSchema: string;
  /** The name of the histories that are written. */
  readonly table: string;
  /** The name of the history of public, which tenants require. */
  readonly publicTable: string;
  /** The names of all histories of the config, by one of which a schema is known to be managed. */
  readonly historyTables: readonly string[];
  /** The `search_path` of tenant files, from the config. */
  readonly searchPath: readonly string[];
  /** How long a statement of a file waits for a lock before it fails (55P03). */
  readonly lockTimeoutMs: number;
  /** The server supports client_connection_check_interval. */
  readonly checksClient: boolean;
  /** The encoding of the database is UTF8, so it can store every character. */
  readonly isUtf8: boolean;
  /** The server supports transaction_timeout. */
  readonly limitsTransactions: boolean;
  /** Use synchronous commits for tenants; otherwise the run flushes once at its end. */
  readonly sync: boolean;
  /** No two files share a transaction. */
  readonly transactionPerFile: boolean;
  /** Files may notice which others share their transaction (see `mayNoticeOthers`). */
  readonly mayNotice: boolean;
  /** The text of a file names a history, so it may create code that reads one. */
  readonly namesHistory: boolean;
  /** The session is not pooled, and starts with `unitSettings`. */
  readonly ownSession: boolean;
  /**
   * Histories may be on other servers (Citus). A statement that reads or writes one runs there, with its functions.
   */
  readonly isCitus: boolean;
  /** The database is a temporary one, and files that change more than it are refused (see `confinement`). */
  readonly confined: boolean;
  /** Receives the server's notices while files run. */
  readonly onNotice: (notice: ServerNotice, source: NoticeSource) => void;
}

/** What tenant files must not change: public, and every schema but the tenant's own. */
export interface Guard {
  /** OIDs by name: public, and the schemas that pending files mention. */
  readonly schemas: ReadonlyMap<string, string>;
  /** Those that files mention with the tenant's name in theirs: the words of the files, and the schemas that fit one. */
  readonly perTenant: { readonly words: readonly string[]; readonly schemas: ReadonlyMap<string, string> };
  /** What an unqualified name can refer to outside of the tenant: everything in the other schemas of its search_path. */
  readonly names: ReadonlySet<string>;
  /** Tables of tenants may have foreign keys to others in these schemas, judging by the text of all files (`mayTie`). */
  readonly mayBeTied: boolean;
  /** Triggers and functions of tenants may lock rows in these schemas, judging by the text of all files (`mayLockLater`). */
  readonly mayBeCalled: boolean;
}

/** The schema that units migrate, as it was when the plan was made. */
export interface UnitSchema {
  readonly schema: string;
  /** Its OID, which is its lock key; `null` until it is created. */
  readonly oid: string | null;
  readonly scope: Scope;
  readonly history: readonly HistoryRow[];
  /** Others may use its tables: it had some, or applied migrations, when the run found it. */
  readonly isInUse: boolean;
  /** The history has triggers, rules or row security, which may silently discard a row. */
  readonly mayDiscardRows: boolean;
  /** The history table needs no upgrade (see `upgradeHistory`). */
  readonly isCurrent: boolean;
  /** The digest of the history, as computed by the server; `null` if only its rows are known. */
  readonly digest: string | null;
  /** Public as the run read it: the digest of its rows up to a version. `null` if nothing is required. */
  readonly requires: { readonly upTo: string; readonly digest: string } | null;
  /** What the files must not change; `null` if nothing is guarded. */
  readonly guarded: Guard | null;
}

/** A schema without a history, for which nothing is required or guarded. */
export function unitWithoutHistory(schema: string, scope: Scope): UnitSchema {
  return {
    schema,
    oid: null,
    scope,
    history: [],
    isInUse: false,
    mayDiscardRows: false,
    isCurrent: true,
    digest: null,
    requires: null,
    guarded: null,
  };
}

/** The `search_path` of a file. */
export function searchPath({ schema, scope }: UnitSchema, context: UnitContext): string {
  const { publicSchema } = context;
  return scope === 'public'
    ? quoteIdentifier(publicSchema)
    : tenantSearchPath(context.searchPath, schema, publicSchema);
}

/** One file to apply to one schema. */
export interface Unit {
  readonly script: Script;
  readonly schema: UnitSchema;
  readonly context: UnitContext;
}

/** Files to apply to one schema in one transaction, in order. */
export interface JoinedUnits extends Omit<Unit, 'script'> {
  readonly scripts: readonly Script[];
}
