import { currentPublic } from '../fleet/current-public.ts';
import { createMigrator } from '../fleet/migrator.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { callback, checkOptions, checkValue, type Kinds, text, yesOrNo } from '../project/option.ts';
import { requireNoScopes } from '../project/scope-view.ts';
import type { ErrorDetails } from '../results.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import type { SplitDifference } from '../split/compare.ts';
import { dropShared } from '../split/drop-tables.ts';
import { type FinishedTable, surveyFinish } from '../split/finish.ts';
import type { SplitObstacle } from '../split/paths.ts';

/** Which split to finish. */
export interface FinishSplitOptions extends ChangeOptions {
  /** The column of the shared tables with the id of the tenant. */
  readonly splitBy: string;
  /** A query that returns the id of each tenant and the name of its schema. */
  readonly tenantsFrom: string;
  /** Drop the shared tables although some of their rows belong to no tenant. */
  readonly discardUnowned?: boolean;
  /** Drop them although tenants have changed their rows since the copy. */
  readonly acceptTenantChanges?: boolean;
  /** Called once with the plan, if there is no obstacle. The tables are dropped only if it returns `true`. */
  readonly accept: (plan: FinishPlan) => boolean | Promise<boolean>;
}

/** The tables that a finish would drop. */
export interface FinishPlan {
  readonly database: string;
  readonly host: string;
  readonly splitBy: string;
  /** The shared tables; empty if they were not counted, because of an obstacle. */
  readonly tables: readonly FinishedTable[];
  /** The tables in which the rows of a tenant differ from the shared ones. */
  readonly differences: readonly SplitDifference[];
  /** If there are any, nothing is dropped. */
  readonly obstacles: readonly SplitObstacle[];
}

/** The dropped tables, or the obstacles. */
export interface FinishedSplit extends FinishPlan {
  readonly accepted: boolean;
  readonly dropped: boolean;
  readonly error?: ErrorDetails;
}

const kinds: Kinds<FinishSplitOptions> = {
  ...changeKinds,
  splitBy: { ...text, required: true },
  tenantsFrom: { ...text, required: true },
  discardUnowned: yesOrNo,
  acceptTenantChanges: yesOrNo,
  accept: { ...callback, required: true },
};

/**
 * Drops the shared tables that `splitRows` has split, all in one transaction and without CASCADE, after comparing the rows
 * of every tenant under a lock that blocks writes.
 * @throws SqlmigError if it cannot start: `bad-usage`, `config-invalid`, `tenants-query-failed`, `public-behind`, mistakes
 *   in the files, no connection.
 */
export async function finishSplit(config: Config, options: FinishSplitOptions): Promise<FinishedSplit> {
  requireConfig(config);
  requireNoScopes(config, 'sqlmig adopt --split-by');
  checkOptions(options, kinds);
  return traced('adopt', config, { options, work: finish });
}

async function finish(config: Config, options: FinishSplitOptions): Promise<FinishedSplit> {
  const {
    splitBy,
    tenantsFrom,
    discardUnowned = false,
    acceptTenantChanges = false,
    accept,
    ...change
  } = options;
  const migrations = await readMigrations(config);
  const settings = { ...migrateSettings(change, config), sync: true };
  const source = { config, migrations, options: settings.plan };
  return withRun(config, settings, async (current) => {
    const migrator = createMigrator({ run: current, source, settings });
    const target = await currentPublic(migrator);
    const rules = { column: splitBy, tenantsFrom, discardUnowned, acceptTenantChanges };
    const survey = await surveyFinish(migrator, rules);
    const { tables, differences, obstacles } = survey;
    const { database, server } = current;
    const plan = { database, host: server.host, splitBy, tables, differences, obstacles };
    const accepted = obstacles.length === 0 && (await accept(plan));
    checkValue('the answer of accept', accepted, yesOrNo);
    const error = accepted ? await dropShared(migrator, target, { survey, rules }) : null;
    return { ...plan, accepted, dropped: accepted && error === null, ...(error && { error }) };
  });
}
