import { currentPublic } from '../fleet/current-public.ts';
import { createMigrator } from '../fleet/migrator.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { callback, checkOptions, checkValue, type Kinds, text, yesOrNo } from '../project/option.ts';
import { requireNoScopes } from '../project/scope-view.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import { whenFree } from '../run/when-free.ts';
import { type SplitSchema, splitTenants } from '../split/copy-tenants.ts';
import type { SplitObstacle } from '../split/paths.ts';
import { type SplitSurvey, type SplitTable, surveySplit } from '../split/survey.ts';

/** Which rows to split. */
export interface SplitRowsOptions extends ChangeOptions {
  /** The column of the shared tables with the id of the tenant. */
  readonly splitBy: string;
  /** A query that returns the id of each tenant and the name of its schema. */
  readonly tenantsFrom: string;
  /** Called once with the plan, if there is no obstacle. The split runs only if it returns `true`. */
  readonly accept: (plan: SplitPlan) => boolean | Promise<boolean>;
}

/** The planned split. */
export interface SplitPlan {
  readonly database: string;
  readonly host: string;
  readonly splitBy: string;
  readonly tables: readonly SplitTable[];
  /** The other tables of the shared schema. */
  readonly staying: readonly string[];
  /** The triggers of the tenants' tables are fired. */
  readonly triggers: boolean;
  /** Numbers of tenants: all, those that have been split already, and those whose schema does not exist. */
  readonly tenants: { readonly total: number; readonly done: number; readonly missing: number };
  /** Objects that depend on the shared tables, as PostgreSQL describes them: `finishSplit` refuses to drop those. */
  readonly dependents: readonly string[];
  /** If there are any, nothing is changed. */
  readonly obstacles: readonly SplitObstacle[];
}

/** The outcome of a split, or the obstacles to it. */
export interface SplitRows extends SplitPlan {
  readonly accepted: boolean;
  /** Each tenant; empty unless accepted. */
  readonly schemas: readonly SplitSchema[];
}

const kinds: Kinds<SplitRowsOptions> = {
  ...changeKinds,
  splitBy: { ...text, required: true },
  tenantsFrom: { ...text, required: true },
  accept: { ...callback, required: true },
};

/**
 * Copies the rows of shared tables to one schema per tenant, which the tenant files create. Each tenant is one
 * transaction, in which its rows are counted and compared. Finished tenants are recorded, and skipped by the next call. The shared
 * tables stay until `finishSplit`.
 * @throws SqlmigError if it cannot start: `bad-usage`, `config-invalid`, `tenants-query-failed`, `public-behind`, mistakes
 *   in the files, no connection.
 */
export async function splitRows(config: Config, options: SplitRowsOptions): Promise<SplitRows> {
  requireConfig(config);
  requireNoScopes(config, 'sqlmig adopt --split-by');
  checkOptions(options, kinds);
  return traced('adopt', config, { options, work: run });
}

async function run(
  config: Config,
  { splitBy, tenantsFrom, accept, ...change }: SplitRowsOptions,
): Promise<SplitRows> {
  const migrations = await readMigrations(config);
  const settings = { ...migrateSettings(change, config), sync: true };
  const source = { config, migrations, options: settings.plan };
  return withRun(config, settings, async (current) => {
    const migrator = createMigrator({ run: current, source, settings });
    const shared = await currentPublic(migrator);
    const survey = await whenFree(settings, () =>
      surveySplit(migrator, shared, { column: splitBy, tenantsFrom }),
    );
    const { database, server } = current;
    const plan = { database, host: server.host, splitBy, ...planOf(survey) };
    const accepted = plan.obstacles.length === 0 && (await accept(plan));
    checkValue('the answer of accept', accepted, yesOrNo);
    const schemas = accepted ? await splitTenants(migrator, { ...survey, rows: rowsToCopy(survey) }) : [];
    return { ...plan, accepted, schemas };
  });
}

/** An estimate of the rows to copy: the owned rows, times the share of tenants that are left. */
function rowsToCopy({ tables, tenants, done }: SplitSurvey): number {
  const all = tables.reduce((sum, { counts }) => sum + (counts?.owned ?? 0), 0);
  const left = tenants.filter(({ schema }) => !done.has(schema)).length;
  return Math.round((all * left) / Math.max(tenants.length, 1));
}

function planOf({ tables, shared, tenants, done, targets, dependents, obstacles }: SplitSurvey) {
  return {
    tables,
    staying: shared.staying,
    triggers: shared.rules.triggers,
    tenants: {
      total: tenants.length,
      done: tenants.filter(({ schema }) => done.has(schema)).length,
      missing: targets.filter(({ exists }) => !exists).length,
    },
    dependents,
    obstacles,
  };
}
