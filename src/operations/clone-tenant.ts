import { hasSchema, inHome } from '../databases/home.ts';
import { type KindBuild, prepareKind } from '../fleet/create-schema.ts';
import { currentPublic } from '../fleet/current-public.ts';
import { enlist, isListedBefore } from '../fleet/enlist.ts';
import { migratorOfKind } from '../fleet/kinds.ts';
import type { MigrationRun, Migrator } from '../fleet/migrator.ts';
import { openTenantPhase } from '../fleet/phase.ts';
import { type ClonedTable, type Cloning, completeClone } from '../lifecycle/clone.ts';
import { filesOf } from '../lifecycle/reproducible.ts';
import { type FoundTenant, readTenant } from '../lifecycle/tenant.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { readScopes } from '../project/migrations.ts';
import { checkOptions, type Kinds, tenantName, yesOrNo } from '../project/option.ts';
import type { ErrorDetails, SchemaOutcome } from '../results.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import type { Session } from '../server/session.ts';
import { type PlanSource, tenantRequests } from '../state/plan-source.ts';
import { readTargets, type Target } from '../state/target.ts';
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
    work: (one, own) => traced('tenant clone', one, { options: own, work: clone }),
  });
}

async function clone(
  config: Config,
  { name, to, data = false, unlisted = false, ...change }: CloneTenantOptions,
): Promise<ClonedTenant> {
  for (const one of [name, to]) requireTenantName(one, config.publicSchema);
  const scopes = await readScopes(config);
  const [{ migrations }] = scopes;
  const settings = { ...migrateSettings(change, config), sync: true };
  const { plan: options } = settings;
  return withRun(config, settings, async (run) => {
    const work: MigrationRun = { run, source: { config, migrations, options }, settings };
    const tenant = await readTenant(work, { name, to });
    const sources = scopes
      .map((scope) => ({ ...scope, options }))
      .filter((source) => hasHistoryOf(source, tenant));
    const [main, ...kinds] = await openParts(work, sources, { name, to, unlisted });
    if (main === undefined) throw new RangeError('a tenant has a history');
    await currentPublic(main.migrator);
    const before = [...(await main.migrator.scripts.of(main.target))];
    const builds: KindBuild[] = [];
    for (const { migrator, target } of kinds) {
      builds.push(await prepareKind(migrator, target, before));
      before.push(...(await migrator.scripts.of(target)));
    }
    let tables: readonly ClonedTable[] = [];
    const histories = ([first, ...more]: readonly [Part, ...Part[]]): Cloning['histories'] => {
      const of = ({ from, migrator: { context } }: Part) => ({ from, context });
      return [of(first), ...more.map(of)];
    };
    const whole = {
      finish: async (session: Session) => {
        const created = [main, ...kinds].map(({ migrator }) => migrator.context.table);
        for (const [i, build] of builds.entries()) await build(session, created.slice(0, i + 1));
        tables = await completeClone(session, { histories: histories([main, ...kinds]), to, data });
      },
    };
    const phase = openTenantPhase(main.migrator, { shared: null, createsUnlisted: true, whole });
    const [made] = await phase.migrate([main.target]);
    if (made === undefined) throw new RangeError('one schema has one outcome');
    const outcome = await enlistIn([main, ...kinds], made);
    const { version, error } = outcome;
    const base = { database: run.database, schema: name, to, version };
    return made.error === undefined
      ? { ...base, state: 'cloned', tables, ...(error && { error }) }
      : { ...base, state: 'failed', tables: [], ...(error && { error }) };
  });
}

/** True for the files of all tenants, or of a kind, if the tenant has a history of them. */
function hasHistoryOf({ config: { scope } }: PlanSource, { target, scopes }: FoundTenant): boolean {
  return scope === null ? target.hasHistory : scopes.includes(scope.name);
}

/** A scope whose files the clone gets. */
interface Part {
  readonly migrator: Migrator;
  /** The tenant as the history of this scope has it. */
  readonly from: Target;
  /** The new schema, with the files that the tenant has applied. */
  readonly target: Target;
  readonly listed: boolean;
}

async function openParts(
  work: MigrationRun,
  sources: readonly PlanSource[],
  { name, to, unlisted }: Required<Pick<CloneTenantOptions, 'name' | 'to' | 'unlisted'>>,
): Promise<Part[]> {
  const parts: Part[] = [];
  for (const every of sources) {
    const from = await readOne(work, every, name);
    if (from.trouble !== null) throw from.trouble;
    const { readSnapshot: _, ...files } = every.migrations;
    const source = { ...every, migrations: { ...files, tenant: filesOf(from, files.tenant) } };
    const migrator = migratorOfKind(work, source);
    const listed = unlisted || (await isListedBefore(migrator.run, to));
    const target = await readOne(work, source, to);
    await migrator.scripts.parse(target.plan.steps);
    parts.push({ migrator, from, target, listed });
  }
  return parts;
}

async function readOne({ run }: MigrationRun, source: PlanSource, name: string): Promise<Target> {
  const [target] = await run.read((_, reader) =>
    readTargets(tenantRequests(source, [name]), reader, source.config.historyTable),
  );
  if (target === undefined) throw new RangeError('one request gives one target');
  return target;
}

/** Makes sure that the source of each scope lists a tenant that was made. */
async function enlistIn(parts: readonly Part[], made: SchemaOutcome): Promise<SchemaOutcome> {
  let outcome = made;
  for (const { migrator, listed } of parts)
    if (!listed && outcome.error === undefined) outcome = await enlist(migrator.run, outcome);
  return outcome;
}
