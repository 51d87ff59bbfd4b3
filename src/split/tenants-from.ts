import { SqlmigError, sqlstates } from '../errors.ts';
import { readLocked } from '../history/locked.ts';
import type { Reader } from '../history/read-histories.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { tenantNameProblem } from '../tenants/tenant-name.ts';
import type { SplitObstacle } from './paths.ts';
import type { TableShape } from './tables.ts';

/** A tenant of the query. */
export interface SplitTenant {
  /** As text. */
  readonly id: string;
  readonly schema: string;
}

/**
 * Runs the query for the tenants, in a read-only transaction with the shared schema as its search_path. Its first column
 * is the id, its second the schema.
 * @throws SqlmigError `tenants-query-failed`.
 */
export async function readTenantsFrom(
  reader: Reader,
  query: string,
  publicSchema: string,
): Promise<(readonly [id: string | null, schema: string | null])[]> {
  const { session } = reader;
  const text = `select (q.id)::pg_catalog.text as id, (q.name)::pg_catalog.text as name from (\n${query.replace(/[;\s]+$/, '')}\n) q (id, name)`;
  const subject = { what: 'the tenants', schema: publicSchema, tables: null };
  try {
    return await readLocked(reader, subject, async (limit) => {
      await session.run(`START TRANSACTION READ ONLY;
${limit}SET LOCAL search_path = ${quoteIdentifier(publicSchema)};`);
      const { rows } = await session.statement(text);
      await session.run('COMMIT');
      return rows.map(({ id, name }) => [textOrNull(id), textOrNull(name)] as const);
    });
  } catch (error) {
    if (!isServerError(error)) throw error;
    throw queryFailed(error);
  }
}

function textOrNull(value: unknown): string | null {
  return value === null ? null : String(value);
}

function queryFailed(cause: ServerError): SqlmigError {
  const isShape = cause.code === sqlstates.invalidColumnReference;
  const why = isShape ? 'it must return two columns' : cause.message;
  return new SqlmigError('tenants-query-failed', `the query of --tenants-from failed: ${why}`, {
    sqlstate: cause.code,
    state: 'nothing was touched',
    hint: "select the tenant's id and the name of its schema, such as: select id, schema_name from customers",
    cause,
  });
}

/** The tenants in the rows of the query, and what is wrong with the other rows. */
export function checkTenants(
  rows: readonly (readonly [id: string | null, schema: string | null])[],
  publicSchema: string,
): { readonly tenants: readonly SplitTenant[]; readonly obstacles: readonly SplitObstacle[] } {
  const tenants: SplitTenant[] = [];
  const obstacles: SplitObstacle[] = [];
  const hint = 'correct the query of --tenants-from, or the rows that it reads';
  const ids = new Map<string, string>();
  const schemas = new Map<string, string>();
  for (const [id, schema] of rows) {
    const problem = tenantNameProblem(schema, publicSchema);
    const before = id === null ? undefined : ids.get(id);
    const other = schema === null ? undefined : schemas.get(schema);
    const refuse = (message: string) => obstacles.push({ ...(schema && { schema }), message, hint });
    if (problem !== null) refuse(id === null ? problem : `${problem} (id ${id})`);
    else if (id === null) refuse('the query returns it without an id');
    else if (other !== undefined)
      refuse(
        other === id ? 'the query returns it twice' : `the query returns it for two ids, ${other} and ${id}`,
      );
    else if (before !== undefined) refuse(`the query returns id ${id} for this schema and for "${before}"`);
    else if (schema !== null) tenants.push({ id, schema });
    if (id !== null && schema !== null) {
      ids.set(id, schema);
      schemas.set(schema, id);
    }
  }
  if (rows.length === 0)
    obstacles.push({ message: 'the query of --tenants-from returns no tenant', hint: 'correct the query' });
  return { tenants, obstacles };
}

/** SQL query of the tenants as a list `(id, schema)`, the ids with a type. */
export function tenantList(tenants: readonly SplitTenant[], type: string): string {
  const rows = tenants.map(({ id, schema }) => `(${quoteLiteral(id)}, ${quoteLiteral(schema)})`);
  return `(select v.id::${type} as id, v.schema from (values ${rows.join(', ')}) v (id, schema))`;
}

/** Checks that every id can be cast to each type of the tenant column, and stays unique. */
export async function checkIds(
  { session }: Reader,
  tenants: readonly SplitTenant[],
  { column, owners }: { readonly column: string; readonly owners: readonly TableShape[] },
): Promise<SplitObstacle[]> {
  const obstacles: SplitObstacle[] = [];
  const types = new Map(
    owners.flatMap((table) =>
      table.columns
        .filter(({ name }) => name === column)
        .map(({ unlimitedType }) => [unlimitedType, table.name] as const),
    ),
  );
  for (const [type, table] of types) {
    const hint = 'correct the query of --tenants-from';
    try {
      const rows = await session.read(`select string_agg(v.schema, ', ') as schemas
from ${tenantList(tenants, type)} v group by v.id having count(*) > 1`);
      for (const { schemas } of rows)
        obstacles.push({ table, message: `the ids of ${schemas} are equal in its column "${column}"`, hint });
    } catch (error) {
      if (!isServerError(error)) throw error;
      obstacles.push({
        table,
        message: `an id of the query does not fit its column "${column}": ${error.message}`,
        hint,
      });
    }
  }
  return obstacles;
}
