import { hasSchema, inHome } from '../databases/home.ts';
import { currentPublic } from '../fleet/current-public.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { openTenantPhase } from '../fleet/phase.ts';
import { type ClonedHistory, type ClonedTable, completeClone } from '../lifecycle/clone.ts';
import {
  enlistCopy,
  openScopeCopies,
  prepareKinds,
  type ScopeCopy,
  sourcesOf,
} from '../lifecycle/scope-copies.ts';
import { readTenant, requireKnownScopes } from '../lifecycle/tenant.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { readScopes } from '../project/migrations.ts';
import { checkOptions, type Kinds, tenantName, yesOrNo } from '../project/option.ts';
import type { ErrorDetails } from '../results.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import type { Session } from '../server/session.ts';
import { requireTenantName } from '../tenants/tenant-name.ts';

/** The tenant to clone. */
export interface CloneTenantOptions extends ChangeOptions {
  /** The name of its schema. */
  readonly name: string;
  /** The name of the new schema. */
  readonly to: string;
  /** Copy the rows as well. */
  readonly data?: boolean;
  /** Clone it even if the tenant source does not list the new name. */
  readonly unlisted?: boolean;
}

/** How a cloning ended. */
export interface ClonedTenant {
  readonly database: string;
  readonly schema: string;
  readonly to: string;
  readonly state: 'cloned' | 'failed';
  /** The version of both. */
  readonly version: string | null;
  /** The tables whose rows were copied. */
  readonly tables: readonly ClonedTable[];
  readonly error?: ErrorDetails;
}

const kinds: Kinds<CloneTenantOptions> = {
  ...changeKinds,
  name: tenantName,
  to: tenantName,
  data: yesOrNo,
  unlisted: yesOrNo,
};

/**
 * Creates a tenant with the structure and history of another one, and with `data` its rows, in one transaction. The new
 * schema is built from the files that the other one has applied, and must then have the same structure. Rows are
 * counted and compared; triggers are not fired. While rows are copied, the other tenant can be read and not written.
 * @throws SqlmigError `bad-tenant-name`, `schema-missing`, `tenant-exists`, `no-history`, `not-reproducible`,
 *   `unlisted-tenant`, `public-behind`, and if it cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no
 *   connection.
 */
export async function cloneTenant(config: Config, options: CloneTenantOptions): Promise<ClonedTenant> {
  requireFleetConfig(config);
  checkOptions(options, kinds);
  return inHome(config, options, {
    what: `a schema "${options.name}"`,
    isHere: (run) => hasSchema(run, options.name),
    work: (part, options) => traced('tenant clone', part, { options, work: clone }),
  });
}

async function clone(
  config: Config,
  { name, to, data = false, unlisted = false, ...change }: CloneTenantOptions,
): Promise<ClonedTenant> {
  for (const schema of [name, to]) requireTenantName(schema, config.publicSchema);
  const scopes = await readScopes(config);
  const [{ migrations }] = scopes;
  const settings = { ...migrateSettings(change, config), sync: true };
  const { plan: options } = settings;
  return withRun(config, settings, async (run) => {
    const work: MigrationRun = { run, source: { config, migrations, options }, settings };
    const tenant = await readTenant(work, { name, to });
    await requireKnownScopes(run, name);
    const sources = scopes.map((scope) => ({ ...scope, options }));
    const places = { source: work, name, target: work, to, unlisted, isClosed: false };
    const copies = await openScopeCopies(places, sourcesOf(sources, tenant));
    const [main, ...kinds] = copies;
    await currentPublic(main.migrator);
    const buildKinds = await prepareKinds(copies);
    let tables: readonly ClonedTable[] = [];
    const history = ({ from, migrator: { context } }: ScopeCopy): ClonedHistory => ({ from, context });
    const histories = [history(main), ...kinds.map(history)] as const;
    const whole = {
      finish: async (session: Session) => {
        await buildKinds(session);
        tables = await completeClone(session, { histories, to, data });
      },
    };
    const phase = openTenantPhase(main.migrator, { shared: null, createsUnlisted: true, whole });
    const [made] = await phase.migrate([main.target]);
    if (made === undefined) throw new RangeError('one schema has one outcome');
    const outcome = await enlistCopy(copies, made);
    const { version, error } = outcome;
    const base = { database: run.database, schema: name, to, version };
    return made.error === undefined
      ? { ...base, state: 'cloned', tables, ...(error && { error }) }
      : { ...base, state: 'failed', tables: [], ...(error && { error }) };
  });
}
