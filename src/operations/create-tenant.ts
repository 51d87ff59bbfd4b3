import { hasSchema, inHome } from '../databases/home.ts';
import { SqlmigError } from '../errors.ts';
import { confirm } from '../fleet/confirm.ts';
import { currentPublic } from '../fleet/current-public.ts';
import { enlist, isListed, isListedBefore, isListedSomewhere } from '../fleet/enlist.ts';
import { createMigrator, type Migrator } from '../fleet/migrator.ts';
import { unconfirmed } from '../fleet/outcome.ts';
import { openTenantPhase } from '../fleet/phase.ts';
import { notConfirmed } from '../fleet/schema-errors.ts';
import { nameTaken } from '../lifecycle/tenant.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { type Migrations, readMigrations, readScopes } from '../project/migrations.ts';
import { checkOptions, type Kinds, tenantName, textList, yesOrNo } from '../project/option.ts';
import { kindOf, kindsOf } from '../project/scope-view.ts';
import type { SchemaOutcome } from '../results.ts';
import { callerOf } from '../run/caller.ts';
import { type Run, withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import { isMarked, readMarks } from '../state/marks.ts';
import { requireFiles } from '../state/missing-files.ts';
import { tenantRequests } from '../state/plan-source.ts';
import { namedScope, namingScope } from '../state/scope-names.ts';
import { readTargets, type Target } from '../state/target.ts';
import { requireTenantName } from '../tenants/tenant-name.ts';
import { few } from '../text/few.ts';

/** The tenant to create. */
export interface CreateTenantOptions extends ChangeOptions {
  /** The name of its schema. */
  readonly name: string;
  /** Create it even if the tenant source does not list it. */
  readonly unlisted?: boolean;
  /** Bring a schema that exists up to date, instead of an error. */
  readonly ifNotExists?: boolean;
  /** Kinds of the config whose files it gets, besides those that list it. */
  readonly scopes?: readonly string[];
}

/** The outcome of the files of all tenants, or why the tenant is not complete. */
export interface CreatedTenant extends SchemaOutcome {
  /** The outcomes of the kinds whose files it got, in the order of the config; absent if the config has none. */
  readonly kinds?: readonly SchemaOutcome[];
}

const kinds: Kinds<CreateTenantOptions> = {
  ...changeKinds,
  name: tenantName,
  unlisted: yesOrNo,
  ifNotExists: yesOrNo,
  scopes: textList,
};

const existsHint = 'choose another name, or bring it up to date with --if-not-exists';

/**
 * Creates a tenant: its schema and all tenant migrations, in one transaction, completely or not at all. If several
 * calls create the same tenant at the same time, one succeeds and the others throw `tenant-exists`; with `ifNotExists`
 * they bring it up to date, so that a sign-up can be repeated. Public must be up to date. Files that cannot share a
 * transaction (a procedure that commits, more objects than the server has locks for) are applied one by one, as `up`
 * does.
 *
 * No run would migrate a tenant that the source does not list. If creating it cannot change that (a list, a pattern),
 * nothing is created. A query or function is read again afterwards; if it still does not list the tenant, the config's
 * `register` statement is run, and if that does not help the outcome has the error `unlisted-tenant`.
 *
 * If the config has kinds of tenants, the files of those that list the tenant or are in `scopes` follow, each in
 * transactions as `up` applies them. If one fails, what was applied before remains, and `ifNotExists` continues. The
 * files of all tenants are left out for a tenant of `scopes` that `tenants` of the config cannot list.
 * @throws SqlmigError `bad-tenant-name`, `tenant-exists`, `public-behind`, `unlisted-tenant`, `files-missing`, and if
 * it cannot start:
 *   `bad-usage`, `config-invalid`, mistakes in the files, no connection.
 */
export async function createTenant(config: Config, options: CreateTenantOptions): Promise<CreatedTenant> {
  requireFleetConfig(config);
  checkOptions(options, kinds);
  const { name, scopes = [] } = options;
  for (const scope of scopes) kindOf(config, scope);
  requireTenantName(name, config.publicSchema);
  return inHome(config, options, {
    what: `or list a schema "${name}"`,
    isHere: async (run) => (await isListedSomewhere(run, name)) || hasSchema(run, name),
    work: (part, options) => traced('tenant create', part, { options, work: createInScopes }),
    nowhere: () => {
      throw new SqlmigError('bad-usage', `no database lists the tenant "${name}"`, {
        state: 'nothing was created',
        hint: 'select the database to create it in with --database',
      });
    },
  });
}

/** Creates a tenant with the files of all tenants, then with those of its kinds. */
async function createInScopes(config: Config, options: CreateTenantOptions): Promise<CreatedTenant> {
  const { scopes: named = [], ...creating } = options;
  if (config.scopes.length === 0) return (await create(config, creating)).outcome;
  const outcomes: SchemaOutcome[] = [];
  let isBare = false;
  const createIn = async (scope: Config | undefined): Promise<boolean> => {
    if (scope === undefined) throw new RangeError('a tenant has a scope');
    const { onEvent } = creating;
    const listener = onEvent && { onEvent: namingScope(onEvent, scope) };
    const ifNotExists = creating.ifNotExists === true || outcomes.length > 0;
    const made = await create(scope, { ...creating, ...listener, ifNotExists, isBare });
    const outcome = namedScope(made.outcome, scope);
    isBare ||= made.isBare;
    outcomes.push(outcome);
    return outcome.error === undefined;
  };
  const [begin] = await scopesToCreate(config, { ...creating, named });
  let continues = await createIn(begin);
  // Scopes may list the tenant only now that "register" of the config has run.
  const later = continues ? (await scopesToCreate(config, { ...creating, named })).slice(1) : [];
  for (const scope of later) continues &&= await createIn(scope);
  const [first, ...more] = outcomes;
  const last = outcomes.at(-1);
  if (first === undefined || last === undefined) throw new RangeError('a tenant has a scope');
  if (last === first) return { ...first, kinds: first.scope === 'tenant' ? [] : [first] };
  const migrations = outcomes.flatMap((outcome) => outcome.migrations);
  const isApplied = outcomes.some(({ state }) => state === 'applied');
  const end =
    last.error === undefined
      ? { state: isApplied ? ('applied' as const) : first.state }
      : { state: last.state, error: last.error };
  return { ...first, ...end, migrations, kinds: first.scope === 'tenant' ? more : outcomes };
}

/**
 * The parts of a config whose files a tenant gets.
 * @throws SqlmigError `unlisted-tenant` before anything is created.
 */
async function scopesToCreate(
  config: Config,
  { name, named, unlisted = false, signal }: CreateTenantOptions & { readonly named: readonly string[] },
): Promise<Config[]> {
  const [{ migrations: base }] = await readScopes(config);
  return withRun(config, callerOf({ signal }), async (run) => {
    await requireNoMark(run, name, base);
    const parts: Config[] = [];
    for (const kindConfig of kindsOf(config)) {
      const kindRun = { ...run, config: kindConfig };
      const isNamed = kindConfig.scope !== null && named.includes(kindConfig.scope.name);
      const listed =
        isNamed && !unlisted ? await isListedBefore(kindRun, name) : await isListed(kindRun, name);
      const isMember = isNamed || (listed && kindConfig.database.tenants.kind !== 'history');
      if (isMember) parts.push(kindConfig);
    }
    const { kind } = config.database.tenants;
    const cannotList =
      kind === 'history'
        ? base.tenant.length === 0
        : (kind === 'list' || kind === 'pattern') && !(await isListed(run, name));
    if (parts.length === 0 && kind === 'history' && cannotList) throw ofNoKind(config, name);
    return parts.length > 0 && cannotList ? parts : [config, ...parts];
  });
}

/** @throws SqlmigError the trouble of a tenant that has the mark of an unfinished drop or of a move. */
async function requireNoMark(run: Run, name: string, migrations: Migrations): Promise<void> {
  const source = { config: run.config, migrations, options: migrateSettings({}, run.config).plan };
  const marks = await run.read((_, reader) => readMarks(reader, source, [name]));
  for (const trouble of marks.values()) throw trouble;
}

/** The error for a tenant that no kind lists, where there are no files for all tenants. */
function ofNoKind({ scopes }: Config, name: string): SqlmigError {
  const names = scopes.map((scope) => scope.name);
  const message = `no scope of the config lists "${name}", and there are no files for all tenants`;
  return new SqlmigError('unlisted-tenant', message, {
    state: 'nothing was created',
    hint: `name its scope with --scope: ${few(names, 20)}`,
  });
}

interface CreateOptions extends Omit<CreateTenantOptions, 'scopes'> {
  /** As in `Created`. */
  readonly isBare?: boolean;
}

/** What the files of one scope have created. */
interface Created {
  readonly outcome: SchemaOutcome;
  /** The schema is new, and has what the files of all tenants build: the snapshots of kinds can complete it. */
  readonly isBare: boolean;
}

/** Creates a tenant with the files of a config, which may be limited to a kind. */
async function create(config: Config, options: CreateOptions): Promise<Created> {
  const { name, unlisted = false, ifNotExists = false, isBare = false, ...change } = options;
  const migrations = await readMigrations(config);
  const settings = migrateSettings(change, config);
  return withRun(config, settings, async (run) => {
    const source = { config, migrations, options: settings.plan };
    const migrator = createMigrator({ run, source, settings });
    const shared = await currentPublic(migrator);
    const listed = unlisted || (await isListedBefore(run, name));
    const targets = await run.read((_, reader) =>
      readTargets(tenantRequests(source, [name]), reader, config.historyTable),
    );
    for (const { trouble, exists } of ifNotExists ? [] : targets)
      if (exists) throw isMarked(trouble) ? trouble : nameTaken(name, existsHint);
    requireFiles([shared, ...targets], migrations, config);
    if (isBare) migrator.snapshots.complete([name]);
    await migrator.scripts.parse(targets.flatMap(migrator.snapshots.rest));
    const outcome = await migrateDurably(migrator, targets);
    // Another run has created it in the meantime.
    if (!ifNotExists && outcome.state === 'up-to-date') throw nameTaken(name, existsHint);
    const isNew = outcome.state === 'applied' && targets.every(({ exists }) => !exists);
    const lacksBase = isNew && (migrations.readBase?.() ?? []).length > 0;
    const isDone = listed || outcome.error !== undefined;
    return { outcome: isDone ? outcome : await enlist(run, outcome), isBare: isNew && !lacksBase };
  });
}

/** Migrates a tenant, and again if the server crashed before the commits were on disk. */
async function migrateDurably(migrator: Migrator, targets: readonly Target[]): Promise<SchemaOutcome> {
  const { database } = migrator.run;
  for (let open = targets; ; ) {
    const [outcome] = await openTenantPhase(migrator, {
      shared: null,
      createsUnlisted: true,
      whole: {},
    }).migrate(open);
    if (outcome === undefined) throw new RangeError('one schema has one outcome');
    try {
      open = await confirm(migrator, [outcome]);
    } catch (error) {
      if (!(error instanceof SqlmigError)) throw error;
      const { details } = notConfirmed(error, 1);
      return { ...unconfirmed(outcome), error: { ...details, schema: outcome.schema, database } };
    }
    if (open.length === 0) return outcome;
  }
}
