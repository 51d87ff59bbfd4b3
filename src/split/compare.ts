import { quoteLiteral } from '../sql/quote.ts';
import { ownChecksum, sharedChecksum } from './columns.ts';
import { columnType, tableName, withOwner } from './owner.ts';
import type { OwnedTable } from './paths.ts';
import type { CopiedRows, SplitRecord } from './record.ts';
import type { RowReader } from './row-reader.ts';
import type { Assignment } from './rows.ts';
import { hasColumn, readShape } from './tables.ts';
import { tenantList } from './tenants-from.ts';

/** A table of a tenant whose rows differ from the rows of the shared table. */
export interface SplitDifference {
  readonly schema: string;
  readonly table: string;
  /** `shared` if the shared rows have changed since they were copied, `tenant` if only the tenant's have. */
  readonly changed: 'shared' | 'tenant';
  /** The number of the tenant's rows in the shared table, and in its own; `null` if it has no such table or columns. */
  readonly sharedRows: number;
  readonly ownRows: number | null;
}

type Sum = Pick<CopiedRows, 'rows' | 'checksum'>;

/** Compares the rows of split tenants with the recorded sums and with the shared rows. */
export async function compareSplit(
  reader: RowReader,
  { owned, records }: { readonly owned: readonly OwnedTable[]; readonly records: readonly SplitRecord[] },
  by: Assignment,
): Promise<SplitDifference[]> {
  const shared = new Map<string, Map<string, Sum>>();
  for (const table of owned) shared.set(table.table.name, await sharedSums(reader, { table, records }, by));
  const differences: SplitDifference[] = [];
  for (const record of records) {
    const own = await ownSums(reader, record);
    for (const [table, copied] of record.tables) {
      const now = shared.get(table)?.get(record.schema) ?? { rows: 0, checksum: '0' };
      const ownSum = own.get(table);
      if (ownSum !== undefined && equal(now, ownSum)) continue;
      differences.push({
        schema: record.schema,
        table,
        changed: equal(now, copied) ? 'tenant' : 'shared',
        sharedRows: now.rows,
        ownRows: ownSum?.rows ?? null,
      });
    }
  }
  return differences;
}

function equal(a: Sum, b: Sum): boolean {
  return a.rows === b.rows && a.checksum === b.checksum;
}

/** The sums of a shared table by schema: one query for all tenants whose rows are compared by the same columns. */
async function sharedSums(
  reader: RowReader,
  { table, records }: { readonly table: OwnedTable; readonly records: readonly SplitRecord[] },
  { column, tenants }: Assignment,
): Promise<Map<string, Sum>> {
  const sums = new Map<string, Sum>();
  const groups = new Map<string, Set<string>>();
  for (const { schema, tables } of records) {
    const columns = tables.get(table.table.name)?.columns;
    if (columns === undefined) continue;
    const key = JSON.stringify(columns);
    groups.set(key, (groups.get(key) ?? new Set()).add(schema));
  }
  const { from, id } = withOwner(table, column);
  for (const [key, schemas] of groups) {
    const columns = JSON.parse(key) as CopiedRows['columns'];
    const list = tenantList(
      tenants.filter(({ schema }) => schemas.has(schema)),
      columnType(table.owner, column),
    );
    const rows = await reader.rows(
      table.table.schema,
      `select l.schema, ${sharedChecksum(columns, 't0')}
from ${from} join ${list} l on l.id = ${id} group by l.schema`,
    );
    for (const row of rows) sums.set(String(row.schema), sumOf(row));
  }
  return sums;
}

/** The sums of a tenant's own tables, those that lack a compared column left out. */
async function ownSums(reader: RowReader, { schema, tables }: SplitRecord): Promise<Map<string, Sum>> {
  const shape = await readShape(reader.session, schema);
  const queries = shape.tables.flatMap((made) => {
    const columns = tables.get(made.name)?.columns;
    if (columns === undefined || !columns.every(({ name }) => hasColumn(made, name))) return [];
    return [
      `select ${quoteLiteral(made.name)} as name, ${ownChecksum(columns, 'o')} from ${tableName(made)} o`,
    ];
  });
  if (queries.length === 0) return new Map();
  const rows = await reader.rows(schema, `${queries.join('\nunion all ')}`);
  return new Map(rows.map((row) => [String(row.name), sumOf(row)]));
}

function sumOf(row: Readonly<Record<string, unknown>>): Sum {
  return { rows: Number(row.rows), checksum: String(row.checksum) };
}
