import { hasSchema, inHome } from '../databases/home.ts';
import { SqlmigError } from '../errors.ts';
import { isListed, isStillListed, unlisted } from '../fleet/enlist.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { readNamesOf } from '../lifecycle/names.ts';
import { renameTenantSchema } from '../lifecycle/rename.ts';
import { type FoundTenant, readTenant } from '../lifecycle/tenant.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { checkOptions, type Kinds, tenantName, yesOrNo } from '../project/option.ts';
import { kindsOf } from '../project/scope-view.ts';
import type { ErrorDetails, ScopeName } from '../results.ts';
import { type Run, withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import { tenantScope } from '../state/scope-names.ts';
import { requireTenantName } from '../tenants/tenant-name.ts';

/** The tenant to rename. */
export interface RenameTenantOptions extends ChangeOptions {
  /** The name of its schema. */
  readonly name: string;
  /** The new name. */
  readonly to: string;
  /** Rename although texts in the database contain the old name, which do not follow the rename. */
  readonly acceptMentions?: boolean;
  /** Rename although the pattern in "tenants" of the config does not match the new name. */
  readonly unlisted?: boolean;
}

/** A text that contains the old name and does not follow the rename. */
export interface NameMention {
  readonly message: string;
  readonly hint: string;
}

/** How a renaming ended. */
export interface RenamedTenant {
  readonly database: string;
  readonly schema: string;
  readonly to: string;
  readonly state: 'renamed' | 'failed';
  /** Texts that use objects by the old name. Unless accepted, they prevent the renaming. */
  readonly mentions: readonly NameMention[];
  /** Texts that contain the old name but may mean something else, in words. */
  readonly notes: readonly string[];
  /** The tenant source still lists the old name, so that `up` would create it. */
  readonly listsOld: boolean;
  /** The tenant source lists the new name, and so does the source of each kind that the tenant has files of. */
  readonly listsNew: boolean;
  /** The scopes whose tenants lack the new name; absent if the config has no kinds of tenants. */
  readonly lackingIn?: readonly ScopeName[];
  readonly error?: ErrorDetails;
}

const kinds: Kinds<RenameTenantOptions> = {
  ...changeKinds,
  name: tenantName,
  to: tenantName,
  acceptMentions: yesOrNo,
  unlisted: yesOrNo,
};

/**
 * Renames a tenant's schema, under its lock and the lock of the new name. Its history and locks follow; the tenant source
 * does not, unless it lists existing schemas. Function bodies and strings that contain the old name do not follow
 * either, and prevent the renaming unless they are accepted.
 * @throws SqlmigError `bad-tenant-name`, `schema-missing`, `tenant-exists`, `no-history`, `unlisted-tenant`, and if it
 *   cannot start: `bad-usage`, `config-invalid`, mistakes in the files, no connection.
 */
export async function renameTenant(config: Config, options: RenameTenantOptions): Promise<RenamedTenant> {
  requireFleetConfig(config);
  checkOptions(options, kinds);
  return inHome(config, options, {
    what: `a schema "${options.name}"`,
    isHere: (run) => hasSchema(run, options.name),
    work: (part, options) => traced('tenant rename', part, { options, work: rename }),
  });
}

async function rename(
  config: Config,
  { name, to, acceptMentions = false, unlisted: acceptsUnlisted = false, ...change }: RenameTenantOptions,
): Promise<RenamedTenant> {
  for (const schema of [name, to]) requireTenantName(schema, config.publicSchema);
  const migrations = await readMigrations(config);
  const settings = migrateSettings(change, config);
  const source = { config, migrations, options: settings.plan };
  return withRun(config, settings, async (run) => {
    const work: MigrationRun = { run, source, settings };
    const found = await readTenant(work, { name, to });
    const { target } = found;
    if (!acceptsUnlisted) await requirePatterns(run, { name, to });
    const { obstacles, rewrites, paths, notes } = await run.read((session) => readNamesOf(session, name, to));
    const mentions = [
      ...obstacles.map(({ message, hint }) => ({ message, hint })),
      ...rewrites.map(({ identity, lines }) => ({
        message: `function ${identity} names ${name}: ${lines.join('; ')}`,
        hint: `redefine it without "${name}."`,
      })),
      ...paths.map(({ identity }) => ({
        message: `function ${identity} has ${name} in its search_path`,
        hint: 'set another search_path for it (ALTER FUNCTION … SET search_path)',
      })),
    ];
    const { database } = run;
    const base = { database, schema: name, to, mentions, notes, listsOld: false, listsNew: false };
    const error =
      mentions.length > 0 && !acceptMentions
        ? namesRemain(name).details
        : await renameTenantSchema(work, target, to);
    if (error !== null) return { ...base, state: 'failed', error: { ...error, database } };
    const listsOld = await isStillListed(run, name);
    const lackingIn = await scopesWithout(run, to, found);
    const ofKinds = config.scopes.length > 0 && { lackingIn };
    return { ...base, state: 'renamed', listsOld, listsNew: lackingIn.length === 0, ...ofKinds };
  });
}

/** The scopes that a tenant has files of and whose source does not list its new name. */
async function scopesWithout(
  run: Run,
  to: string,
  { target: { hasHistory }, scopes }: FoundTenant,
): Promise<ScopeName[]> {
  const lacking: ScopeName[] = [];
  for (const config of [run.config, ...kindsOf(run.config)]) {
    const { scope } = config;
    const hasFiles = scope === null ? hasHistory || scopes.length === 0 : scopes.includes(scope.name);
    if (hasFiles && !(await isListed({ ...run, config }, to))) lacking.push(tenantScope(config));
  }
  return lacking;
}

function namesRemain(name: string): SqlmigError {
  return new SqlmigError(
    'name-in-use',
    `functions or strings in the database contain the name "${name}", which a rename does not change`,
    {
      schema: name,
      state: 'nothing was renamed',
      hint: 'change them first, or rename with --accept-mentions and change them afterwards',
    },
  );
}

/**
 * Requires that the pattern of the config matches the new name, and so does the pattern of a kind that matches the old one.
 * @throws SqlmigError `unlisted-tenant`.
 */
async function requirePatterns(
  run: Run,
  { name, to }: Pick<RenameTenantOptions, 'name' | 'to'>,
): Promise<void> {
  const { scopes } = run.config;
  for (const config of [run.config, ...kindsOf(run.config)]) {
    const kindRun = { ...run, config };
    if (config.database.tenants.kind !== 'pattern' || (await isListed(kindRun, to))) continue;
    if (scopes.length === 0 || (await isListed(kindRun, name)))
      throw unlisted(config, to, { state: 'nothing was renamed' });
  }
}
