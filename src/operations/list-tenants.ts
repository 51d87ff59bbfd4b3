import { findSchemas } from '../history/presence.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { abortSignal, checkOptions, type Kinds } from '../project/option.ts';
import type { ErrorDetails } from '../results.ts';
import { callerOf } from '../run/caller.ts';
import { withRun } from '../run/run.ts';
import { discoverTenants, tenantsQueryFailed } from '../tenants/tenants.ts';

/** One tenant of the config's source. */
export interface ListedTenant {
  readonly database: string;
  readonly schema: string;
  /** False if `up` has still to create the schema. */
  readonly exists: boolean;
  /** Why it cannot be a tenant. */
  readonly error?: ErrorDetails;
}

/** Options of `listTenants`. */
export interface ListTenantsOptions {
  readonly signal?: AbortSignal;
}

const kinds: Kinds<ListTenantsOptions> = { signal: abortSignal };

/**
 * Lists the tenants of the config's source, in its order.
 * @throws SqlmigError `tenants-query-failed`, `interrupted`, and if it cannot start: `bad-usage`, `config-invalid`, no
 *   connection.
 */
export async function listTenants(
  config: Config,
  options: ListTenantsOptions = {},
): Promise<readonly ListedTenant[]> {
  requireConfig(config);
  checkOptions(options, kinds);
  const { publicSchema, historyTable: table, database: source } = config;
  return withRun(config, callerOf(options), ({ read, database }) =>
    read(async (session, reader) => {
      const context = { ...reader, publicSchema, table, digests: new Map() };
      const found = await discoverTenants(source.tenants, context);
      if ('unknown' in found) throw tenantsQueryFailed(found.unknown);
      const present = await findSchemas(session, found.names, table);
      return [
        ...found.names.map((schema) => ({ database, schema, exists: present.has(schema) })),
        ...[...found.bad].map(([schema, { details }]) => {
          return { database, schema, exists: false, error: { ...details, schema, database } };
        }),
      ];
    }),
  );
}
