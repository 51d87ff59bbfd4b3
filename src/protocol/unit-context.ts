import type { HistoryRow } from '../history/row.ts';
import type { Scope } from '../results.ts';
import type { NoticeSource, ServerNotice } from '../server/notice.ts';
import type { Script } from '../sql/migration.ts';
import { quoteIdentifier } from '../sql/quote.ts';
import { tenantSearchPath } from '../sql/search-path.ts';

/** What all units of a run have in common. */
export interface UnitContext {
  readonly runId: string;
  readonly host: string;
  readonly appliedBy: string;
  readonly publicSchema: string;
  readonly table: string;
  /** `search_path` of tenant files, as in the config. */
  readonly searchPath: readonly string[];
  /** How long a statement of a file waits for a lock before it gives up (55P03). */
  readonly lockTimeoutMs: number;
  /** Only Linux servers can look whether the client is still there. */
  readonly checksClient: boolean;
  /** The server knows transaction_timeout. */
  readonly limitsTransactions: boolean;
  /** Wait for the disk at each tenant's commit; else one flush at the end of a run is for all. */
  readonly sync: boolean;
  /** The session begins with `unitSettings`. */
  readonly ownSession: boolean;
  /** Receives the server's notices while files run. */
  readonly onNotice: (notice: ServerNotice, source: NoticeSource) => void;
}

/** What tenant files must leave as it is: the public schema, and every other schema but the tenant's own. */
export interface Guard {
  /** OIDs, by name, of the public schema and of those that pending files mention. */
  readonly schemas: ReadonlyMap<string, string>;
  /** Names that an unqualified name can mean outside of the tenant: all that is in the other schemas of its path. */
  readonly names: ReadonlySet<string>;
}

/** The schema that units are for, as it was when the plan was made. */
export interface UnitSchema {
  readonly schema: string;
  /** OID of the schema, which its lock is named by; `null` before it is created. */
  readonly oid: string | null;
  readonly scope: Scope;
  readonly history: readonly HistoryRow[];
  /** Triggers, rules or row security are on the history: they may discard a row without an error. */
  readonly mayDiscardRows: boolean;
  /** The history table has the form of today (see `upgradeHistory`). */
  readonly isCurrent: boolean;
  /** The digest of the history as the server gave it; `null` where only its rows are known. */
  readonly digest: string | null;
  /** Public as the run saw it: the digest of its rows up to a version. `null` where nothing is required. */
  readonly requires: { readonly upTo: string; readonly digest: string } | null;
  /** What the files must leave as it is; `null` where there is nothing to guard. */
  readonly guarded: Guard | null;
}

/** What `search_path` is in a file. */
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
