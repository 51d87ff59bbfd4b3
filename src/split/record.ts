import { readOwnTable } from '../history/own-table.ts';
import { creatingTable } from '../protocol/bootstrap.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import type { Session } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';
import type { ComparedColumn } from './columns.ts';
import { tableName } from './owner.ts';

/** The table of the shared schema that records which tenants are split. */
export const splitTable = 'sqlmig_split';

/** What was copied of one table. */
export interface CopiedRows {
  readonly rows: number;
  /** Sum of the rows' hashes. */
  readonly checksum: string;
  /** The columns that the checksum is of. */
  readonly columns: readonly ComparedColumn[];
  /** The columns of the shared table that were not copied. */
  readonly left: readonly string[];
}

/** A tenant that was split, and whose schema has not been created again since. */
export interface SplitRecord {
  readonly schema: string;
  readonly id: string;
  readonly splitBy: string;
  readonly tables: ReadonlyMap<string, CopiedRows>;
}

const columns: readonly (readonly [name: string, definition: string])[] = [
  ['schema', 'text primary key'],
  ['schema_oid', 'oid not null'],
  ['tenant', 'text not null'],
  ['split_by', 'text not null'],
  ['tables', "jsonb not null default '{}'"],
  ['run_id', 'text not null'],
  ['copied_by', 'text not null'],
  ['copied_at', 'timestamptz not null default clock_timestamp()'],
];

/** SQL: the table by its full name. */
export function splitTableName(publicSchema: string): string {
  return tableName({ schema: publicSchema, name: splitTable });
}

/** Creates the table unless it exists. */
export function composeSplitTable(context: UnitContext): string {
  return creatingTable(splitTableName(context.publicSchema), columns, context);
}

const current = (name: string) =>
  `${name} r join pg_namespace n on n.oid = r.schema_oid and n.nspname = r.schema`;

/** Reads the tenants that were split. */
export async function readSplitRecords(session: Session, publicSchema: string): Promise<SplitRecord[]> {
  const name = splitTableName(publicSchema);
  const query = `select r.schema, r.tenant, r.split_by, r.tables from ${current(name)} order by r.schema collate "C"`;
  const rows = await readOwnTable(session, name, query);
  return rows.map((row) => ({
    schema: String(row.schema),
    id: String(row.tenant),
    splitBy: String(row.split_by),
    tables: new Map(Object.entries(row.tables as Record<string, CopiedRows>)),
  }));
}

/** Finds out whether a tenant was split, once the table exists. */
export async function isSplit(session: Session, publicSchema: string, schema: string): Promise<boolean> {
  const [row] = await session.read(
    `select exists (select from ${current(splitTableName(publicSchema))} where r.schema = ${quoteLiteral(schema)}) as split`,
  );
  return row?.split === true;
}
