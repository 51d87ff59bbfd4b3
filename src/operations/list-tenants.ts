import { findSchemas } from '../history/presence.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { abortSignal, checkOptions } from '../project/option.ts';
import type { ErrorDetails } from '../results.ts';
import { ownSignal, withRun } from '../run/run.ts';
import { discoverTenants, tenantsQueryFailed } from '../tenants/tenants.ts';

/** One tenant of the config's source. */
export interface ListedTenant {
  readonly database: string;
  readonly schema: string;
  /** False where `up` has still to create the schema. */
  readonly exists: boolean;
  /** Why it cannot be a tenant. */
  readonly error?: ErrorDetails;
}

/**
 * The tenants of the config's source, in its order.
 * @throws SqlmigError where the source cannot be read.
 */
export async function listTenants(
  config: Config,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly ListedTenant[]> {
  requireConfig(config);
  checkOptions(options, { signal: abortSignal });
  return withRun(config, { emit: () => {}, signal: ownSignal(options.signal) }, ({ read, database }) =>
    read(async (session, reader) => {
      const { publicSchema, historyTable } = config;
      const found = await discoverTenants(config.database.tenants, {
        ...reader,
        publicSchema,
        table: historyTable,
        digests: new Map(),
      });
      if ('unknown' in found) throw tenantsQueryFailed(found.unknown);
      const present = await findSchemas(session, found.names, historyTable);
      return [
        ...found.names.map((schema) => ({ database, schema, exists: present.has(schema) })),
        ...[...found.bad].map(([schema, { details }]) => ({
          database,
          schema,
          exists: false,
          error: { ...details, schema, database },
        })),
      ];
    }),
  );
}
