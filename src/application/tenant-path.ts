import { SqlmigError } from '../errors.ts';
import { defaults } from '../project/defaults.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { searchPathWords, tenantSearchPath } from '../sql/search-path.ts';
import { requireTenantName } from '../tenants/tenant-name.ts';

/** The settings of the config that say what a tenant is, and where its statements find names. */
export interface TenancySettings {
  readonly publicSchema?: string | undefined;
  /** As for tenant files: it begins with `tenant`. */
  readonly searchPath?: readonly string[] | undefined;
  readonly historyTable?: string | undefined;
}

/** A tenant whose statements a transaction is for. */
export interface TenantPath {
  readonly tenant: string;
  /**
   * The query that makes the tenant's `search_path` that of the transaction, and returns one row with `usable`; no row
   * unless the schema has a history. Without that check PostgreSQL would pass over a schema that does not exist, and find
   * the tables of the next one on the path; and a name from a request could be that of any schema.
   */
  readonly query: string;
}

/**
 * The paths of tenants by name, as their migration files have them.
 * @throws SqlmigError `config-invalid` for settings that are wrong; the function `bad-tenant-name`.
 */
export function tenantPaths({
  publicSchema = defaults.publicSchema,
  searchPath = defaults.searchPath,
  historyTable = defaults.historyTable,
}: TenancySettings): (tenant: string) => TenantPath {
  const isText = (value: unknown) => typeof value === 'string' && value !== '';
  for (const [key, value] of Object.entries({ publicSchema, historyTable }))
    if (!isText(value)) throw new SqlmigError('config-invalid', `"${key}" must be a non-empty string`);
  const isPath = Array.isArray(searchPath) && searchPath.every(isText);
  if (!isPath || searchPath[0] !== searchPathWords.tenant) {
    throw new SqlmigError(
      'config-invalid',
      '"searchPath" must be a list of schemas that begins with "tenant"',
      {
        hint: 'pass searchPath unchanged from the config, or leave it out if it is not there',
      },
    );
  }
  return (tenant) => {
    requireTenantName(tenant, publicSchema);
    const path = quoteLiteral(tenantSearchPath(searchPath, tenant, publicSchema));
    return {
      tenant,
      query: `select pg_catalog.has_schema_privilege(n.oid, 'usage') as usable, pg_catalog.set_config('search_path', ${path}, true)
from pg_catalog.pg_namespace n join pg_catalog.pg_class c on c.relnamespace operator(pg_catalog.=) n.oid
where n.nspname operator(pg_catalog.=) ${quoteLiteral(tenant)} and c.relname operator(pg_catalog.=) ${quoteLiteral(historyTable)}`,
    };
  };
}

/**
 * Checks the rows of `TenantPath.query`.
 * @throws SqlmigError `unknown-tenant`, `server-refused` if the role may not use the schema.
 */
export function requireUsable(tenant: string, rows: readonly unknown[]): void {
  const [row] = rows as readonly { readonly usable: boolean }[];
  const quoted = JSON.stringify(tenant);
  if (row === undefined) {
    throw new SqlmigError(
      'unknown-tenant',
      `there is no tenant ${quoted}: no schema of that name has a history`,
      {
        schema: tenant,
        state: 'nothing was run',
        hint: 'check the name, or create the tenant with sqlmig tenant create',
      },
    );
  }
  if (row.usable) return;
  throw new SqlmigError('server-refused', `the role of the connection may not use the schema ${quoted}`, {
    schema: tenant,
    state: 'nothing was run',
    hint: 'grant it USAGE on the schema',
  });
}
