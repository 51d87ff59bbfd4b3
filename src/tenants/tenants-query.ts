import { SqlmigError } from '../errors.ts';
import type { Session } from '../server/session.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { tenantColumn } from './tenant-column.ts';

const characterOid = 1042;

/** The tenants query of a config, which runs in the public schema. */
interface TenantsQuery {
  readonly query: string;
  readonly publicSchema: string;
  /** SQL that limits how long it waits for locks. */
  readonly limit: string;
}

/**
 * Runs the tenants query and returns the values of its name column. It goes through the extended protocol, which takes
 * one statement: so nothing in it can leave the read-only transaction.
 * @throws SqlmigError `tenants-query-failed` if no column holds the names, ServerError for everything else.
 */
export async function runTenantsQuery(
  session: Session,
  { query, publicSchema, limit }: TenantsQuery,
): Promise<readonly unknown[]> {
  await session.run(`START TRANSACTION READ ONLY;
${limit}SET LOCAL search_path = ${quoteIdentifier(publicSchema)};`);
  const { columns, rows } = await session.statement(query);
  const types = await readTypes(session, columns);
  await session.run('COMMIT');
  const at = tenantColumn(
    columns.map(({ name, type }) => ({
      name,
      ...(types.get(type) ?? { type: String(type), isText: false }),
    })),
  );
  if (typeof at === 'string') {
    throw new SqlmigError('tenants-query-failed', `the tenants cannot be listed: ${at}`, {
      hint: 'select the one column of tenant names in "tenants" of the config, and cast it to text if necessary',
    });
  }
  const column = columns[at];
  const names = rows.map((row) => row[column?.name ?? '']);
  // Blanks at the end of a char(n) are padding.
  if (column?.type !== characterOid) return names;
  return names.map((name) => (typeof name === 'string' ? name.replace(/ +$/, '') : name));
}

async function readTypes(
  session: Session,
  columns: readonly { readonly type: number }[],
): Promise<Map<number, { readonly type: string; readonly isText: boolean }>> {
  if (columns.length === 0) return new Map();
  const oids = columns.map(({ type }) => quoteLiteral(String(type))).join(', ');
  // The type "char" is internal to PostgreSQL and has another category.
  const rows = await session.run(`SET LOCAL search_path = pg_catalog;
select oid::text as oid, format_type(oid, null) as type, typcategory = 'S' or typname = 'char' as text
from pg_type where oid = any(array[${oids}]::oid[])`);
  return new Map(rows.map((row) => [Number(row.oid), { type: String(row.type), isText: row.text === true }]));
}
