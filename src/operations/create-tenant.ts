import { SqlmigError } from '../errors.ts';
import { asSqlmigError } from '../execute/failure.ts';
import { confirm } from '../fleet/confirm.ts';
import { publicBehind } from '../fleet/gate.ts';
import { createMigrator } from '../fleet/migrator.ts';
import { notConfirmed, unconfirmed } from '../fleet/outcome.ts';
import { openTenantPhase } from '../fleet/phase.ts';
import type { Reader } from '../history/read-histories.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { checkOptions, type Kinds, yesOrNo } from '../project/option.ts';
import { newestVersion } from '../project/version.ts';
import type { SchemaOutcome } from '../results.ts';
import { type Run, withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import { readPublicTarget } from '../state/fleet-state.ts';
import { requireFiles } from '../state/missing-files.ts';
import { tenantRequests } from '../state/plan-source.ts';
import { readTargets } from '../state/target.ts';
import { tenantNameProblem } from '../tenants/tenant-name.ts';
import { listsTenant, registerTenant } from '../tenants/tenants.ts';

/** How `createTenant` treats locks and the list of tenants, and who hears of it. */
export interface CreateTenantOptions extends ChangeOptions {
  /** The tenant source need not list it. */
  readonly unlisted?: boolean;
}

const tenantKinds: Kinds<CreateTenantOptions> = { ...changeKinds, unlisted: yesOrNo };

/**
 * Creates a tenant: its schema and all tenant files, under the same locks as `up`. A schema that is there already is
 * brought up to date, so a sign-up that broke off can simply be repeated. Public must be up to date.
 *
 * A tenant that the source does not list would never be migrated again. Where creating it cannot change that (a list, a
 * pattern), nothing is created; a query or function is read again afterwards, the config's `register` statement is run
 * if it is still missing, and where that does not help the outcome has the error `unlisted-tenant`.
 * @throws SqlmigError `bad-tenant-name`, `public-behind`, `unlisted-tenant`, `files-missing`, and as `up` does where it cannot begin.
 */
export async function createTenant(
  config: Config,
  name: string,
  options: CreateTenantOptions = {},
): Promise<SchemaOutcome> {
  requireConfig(config);
  checkOptions(options, tenantKinds);
  return traced('tenant create', config, {
    onEvent: options.onEvent,
    work: (onEvent) => create(config, name, { ...options, ...(onEvent && { onEvent }) }),
    errorsOf: ({ error }) => (error === undefined ? [] : [error]),
  });
}

async function create(config: Config, name: string, options: CreateTenantOptions): Promise<SchemaOutcome> {
  const problem = tenantNameProblem(name, config.publicSchema);
  if (problem !== null) throw new SqlmigError('bad-tenant-name', problem);
  const migrations = await readMigrations(config);
  const settings = migrateSettings(options, config);
  const { kind } = config.database.tenants;
  return withRun(config, settings, async (run) => {
    const source = { config, migrations, options: settings.plan };
    const shared = await run.read((_, reader) => readPublicTarget(reader, source));
    const behind = newestVersion(shared.plan.steps);
    if (behind !== null) throw publicBehind(behind);
    const listed = options.unlisted === true || (await isListed(run, name));
    if (!listed && (kind === 'list' || kind === 'pattern'))
      throw unlisted(config, name, 'nothing was created');
    const targets = await run.read((_, reader) =>
      readTargets(tenantRequests(source, [name]), { ...reader, digests: new Map() }, config.historyTable),
    );
    requireFiles([shared, ...targets], migrations, config);
    const migrator = createMigrator({ run, source, settings });
    await migrator.scripts.prepare(targets.flatMap((target) => target.plan.steps));
    for (let open = targets; ; ) {
      const [outcome] = await openTenantPhase(migrator, { shared: null }).migrate(open);
      if (outcome === undefined) throw new RangeError('one schema gives one outcome');
      try {
        open = await confirm(migrator, [outcome]);
      } catch (error) {
        if (!(error instanceof SqlmigError)) throw error;
        const { details } = notConfirmed(error, 1);
        return { ...unconfirmed(outcome), error: { ...details, schema: name, database: run.database } };
      }
      if (open.length > 0) continue;
      return listed || outcome.error !== undefined ? outcome : enlist(run, outcome);
    }
  });
}

/** Sees to it that the source lists a tenant that is complete; where it does not, the outcome says so. */
async function enlist(run: Run, outcome: SchemaOutcome): Promise<SchemaOutcome> {
  const { config, database } = run;
  const { schema, version } = outcome;
  const state = `${schema} is ${version === null ? 'empty' : `at ${version}`}, and no run will migrate it again until it is listed`;
  const withError = ({ details }: SqlmigError) => ({ ...outcome, error: { ...details, schema, database } });
  try {
    return (await register(run, schema)) ? outcome : withError(unlisted(config, schema, state));
  } catch (error) {
    return withError(unlisted(config, schema, state, asSqlmigError(error)));
  }
}

/** Whether the source lists a tenant; where it does not, the config's `register` statement may make it. */
async function register(run: Run, name: string): Promise<boolean> {
  const { database, publicSchema } = run.config;
  const sql = database.tenants.kind === 'query' ? database.tenants.register : null;
  if (sql === null) return isListed(run, name);
  try {
    // If the connection is lost at COMMIT this is run again: so it looks first.
    await run.read(async (session, reader) => {
      if (!(await listsName(run, reader, name))) await registerTenant(session, { sql, publicSchema }, name);
    });
  } catch (error) {
    // The same sign-up may have registered it a moment ago.
    if (!(await isListed(run, name))) throw error;
  }
  return isListed(run, name);
}

function isListed(run: Run, name: string): Promise<boolean> {
  return run.read((_, reader) => listsName(run, reader, name));
}

function listsName({ config }: Run, reader: Reader, name: string): Promise<boolean> {
  const { historyTable: table, publicSchema, database } = config;
  return listsTenant(database.tenants, name, { ...reader, publicSchema, table, digests: new Map() });
}

function unlisted(
  { database: { tenants } }: Config,
  name: string,
  state: string,
  cause?: SqlmigError,
): SqlmigError {
  const hints = {
    query: 'insert it where the query reads, or give "tenants" a "register" statement; --unlisted accepts it',
    list: 'add it to the list, or create it all the same with --unlisted',
    pattern: 'choose a name that fits the pattern, or create it all the same with --unlisted',
    function: 'make the function give it; --unlisted accepts it',
    history: undefined,
  };
  const why = cause === undefined ? '' : `: ${cause.message}`;
  const hasRegister = tenants.kind === 'query' && tenants.register !== null;
  return new SqlmigError(
    'unlisted-tenant',
    `the ${tenants.kind} in "tenants" of the config does not list "${name}"${why}`,
    {
      state,
      sqlstate: cause?.details.sqlstate,
      hint: hasRegister
        ? 'correct "register" in the config: it must make the query list $1'
        : hints[tenants.kind],
      cause,
    },
  );
}
