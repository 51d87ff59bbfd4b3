import { findSchemas } from '../history/presence.ts';
import { readHistoryDigests } from '../history/read-histories.ts';
import { type Config, requireConfig } from '../project/config.ts';
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
  readonly database: string;
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
  requireConfig(config);
  checkOptions(options, kinds);
  const { name: schema } = options;
  const { publicSchema, historyTable } = config;
  requireTenantName(schema, publicSchema);
  return withRun(config, callerOf(options), ({ read, database }) =>
    read(async (session, reader) => {
      const found = (await findSchemas(session, [schema], historyTable)).get(schema);
      const { read: digests } = await readHistoryDigests(
        reader,
        found?.hasTable === true ? [schema] : [],
        historyTable,
      );
      const managed = digests.get(schema)?.scope === 'tenant';
      return { database, schema, exists: found !== undefined, managed };
    }),
  );
}
