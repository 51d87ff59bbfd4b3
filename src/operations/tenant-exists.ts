import { hasSchema, inHome } from '../databases/home.ts';
import { findSchemas } from '../history/presence.ts';
import { readHistoryDigests } from '../history/read-histories.ts';
import { scopesOfTenant } from '../lifecycle/tenant.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { abortSignal, checkOptions, type Kinds, tenantName } from '../project/option.ts';
import { callerOf } from '../run/caller.ts';
import { withRun } from '../run/run.ts';
import { requireTenantName } from '../tenants/tenant-name.ts';

/** The tenant to look for. */
export interface TenantExistsOptions {
  /** The name of its schema. */
  readonly name: string;
  readonly signal?: AbortSignal;
}

/** Whether a tenant's schema exists. */
export interface TenantExistence {
  /** `null` if the config has several databases, and none of them has the schema. */
  readonly database: string | null;
  readonly schema: string;
  readonly exists: boolean;
  /** It has a sqlmig history of a tenant. */
  readonly managed: boolean;
}

const kinds: Kinds<TenantExistsOptions> = {
  name: tenantName,
  signal: abortSignal,
};

/**
 * Checks whether a schema exists, whether it is listed or not. Reads no files.
 * @throws SqlmigError `bad-tenant-name`, `interrupted`, and if it cannot start: `bad-usage`, `config-invalid`, no
 * connection.
 */
export async function tenantExists(config: Config, options: TenantExistsOptions): Promise<TenantExistence> {
  requireFleetConfig(config);
  checkOptions(options, kinds);
  const { name: schema } = options;
  requireTenantName(schema, config.publicSchema);
  return inHome(config, options, {
    what: `a schema "${schema}"`,
    isHere: (run) => hasSchema(run, schema),
    work: existsIn,
    nowhere: () => ({ database: null, schema, exists: false, managed: false }),
  });
}

async function existsIn(config: Config, options: TenantExistsOptions): Promise<TenantExistence> {
  const { name: schema } = options;
  const { historyTable } = config;
  return withRun(config, callerOf(options), ({ read, database }) =>
    read(async (session, reader) => {
      const found = (await findSchemas(session, [schema], historyTable)).get(schema);
      const { read: digests } = await readHistoryDigests(
        reader,
        found?.hasTable === true ? [schema] : [],
        historyTable,
      );
      const isOurs = digests.get(schema)?.scope === 'tenant';
      const managed =
        isOurs || (found !== undefined && (await scopesOfTenant(reader, config, schema)).length > 0);
      return { database, schema, exists: found !== undefined, managed };
    }),
  );
}
