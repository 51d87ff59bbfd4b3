import { requireQuery } from '../../execute/canary-check.ts';
import { checkUpOptions, type UpOptions } from '../../fleet/up-options.ts';
import { up } from '../../operations/up.ts';
import { defaults } from '../../project/defaults.ts';
import { everySchema } from '../../project/selection.ts';
import { runFailures } from '../../report/error.ts';
import { upSummary, upTable } from '../../report/up.ts';
import type { UpResult } from '../../results.ts';
import { type Answer, type CommandContext, defineCommand } from '../command.ts';
import { exitCodeOfRun } from '../execute.ts';
import { openMetrics } from '../metrics-file.ts';
import {
  changeArgs,
  changeOptions,
  commitArgs,
  commitOptions,
  flagOf,
  planArgs,
  planOptions,
  selectionOf,
  selectorOptions,
  usage,
} from '../options.ts';
import {
  canaryOf,
  concurrencyOption,
  maxFailuresOf,
  maxFailuresOption,
  requireAllOption,
} from '../stop-options.ts';
import { keepHeapSmall } from '../v8-flags.ts';
import { planAnswer } from './plan.ts';

const manySchemas = 1_000;

/** `sqlmig up`. */
export const upCommand = defineCommand()({
  name: 'up',
  describe: 'Apply pending migrations: public first, then all tenants in parallel',
  options: {
    ...selectorOptions,
    ...planOptions,
    ...changeOptions,
    ...commitOptions,
    ...concurrencyOption,
    'skip-unchanged': {
      type: 'boolean',
      alias: 'digest',
      describe: 'Skip history tables that have not changed, using digests stored in the catalog',
    },
    rehearse: {
      type: 'boolean',
      default: false,
      describe: 'Execute everything, roll it back, and report durations, locks, rewrites, indexes and rows',
    },
    sample: {
      type: 'number',
      takes: 'N',
      describe: 'With --rehearse: only the N largest tenants, with an estimate for all',
    },
    'dry-run': { type: 'boolean', default: false, describe: 'Print the plan and execute nothing' },
    canary: {
      type: 'string',
      takes: 'N|P%|NAMES',
      describe: 'Migrate some tenants first, and the others only if all of them succeed: 5, 10% or a,b',
    },
    'canary-check': {
      type: 'string',
      takes: 'QUERY',
      describe: 'Start the other tenants only if this query returns true in every canary',
    },
    'only-failed': {
      type: 'boolean',
      default: false,
      describe: 'Select public and the tenants that failed or were not started in the last run',
    },
    'canary-tolerate': {
      type: 'number',
      takes: 'N',
      describe: `Continue after up to N failed canaries [${defaults.canaryTolerate}]`,
    },
    metrics: {
      type: 'string',
      takes: 'FILE',
      describe: 'Write run metrics to this file in Prometheus text format',
    },
    ...maxFailuresOption,
    ...requireAllOption,
  },
  examples: [
    ['up --all', 'migrate public and every tenant'],
    ['up --tenants acme,globex', 'migrate public and two tenants'],
    ['up --all --wait 60s -- node server.js', 'container entrypoint: wait, migrate, then start the app'],
    ['up --all --database eu', 'migrate one of several databases of the config'],
    ['up --all --rehearse', 'execute everything, then roll it back'],
    ['up --all --rehearse --sample 5', 'measure in the five largest tenants, and estimate the rest'],
    ['up --all --canary 5 --max-failures 1%', 'migrate five canaries first, then stop at 1% failures'],
    ['up --only-failed', 'continue where the last run failed or stopped'],
  ],
  takesProgram: true,
  showsDatabase: true,
  prepare: (args, terminal) => {
    const writesMetrics = args.metrics !== undefined && !args.rehearse && !args.dryRun;
    // Opened first: a run that cannot start has metrics as well.
    const metrics = writesMetrics ? openMetrics(args.metrics ?? '', terminal.cwd) : null;
    const select = selectionOf(args) ?? (args.onlyFailed ? everySchema : null);
    if (select === null) {
      const hint = 'for example: sqlmig up --all';
      throw usage('specify what to migrate: --all, --public or --tenants a,b', hint);
    }
    const canary = args.canary === undefined ? undefined : canaryOf(args.canary);
    const { canaryTolerate, canaryCheck, onlyFailed, sample } = args;
    const options: UpOptions = {
      ...planArgs(args),
      ...changeArgs(args),
      ...commitArgs(args),
      select,
      rehearse: args.rehearse,
      maxFailures: maxFailuresOf(args.maxFailures),
      requireAll: args.requireAll,
      ...(canary !== undefined && { canary }),
      ...(canaryTolerate !== undefined && { canaryTolerate }),
      ...(canaryCheck !== undefined && { canaryCheck }),
      ...(onlyFailed && { onlyFailed }),
      ...(sample !== undefined && { sample }),
    };
    checkUpOptions(options, flagOf);
    if (args.rehearse && args.dryRun)
      throw usage('--rehearse and --dry-run cannot be combined', 'give only one of them');
    if (args.dryRun && onlyFailed)
      throw usage('--only-failed and --dry-run cannot be combined', 'list these tenants with: sqlmig runs');
    return async (context) => {
      if (canaryCheck !== undefined) await requireQuery(canaryCheck, '--canary-check');
      if (args.metrics !== undefined && metrics === null) {
        const message = 'nothing is applied permanently, so the --metrics file is not written';
        context.onEvent({ type: 'warning', message });
      }
      if (args.rehearse && canaryCheck !== undefined) {
        const message = 'a rehearsal is rolled back, so --canary-check is not executed';
        context.onEvent({ type: 'warning', message });
      }
      if (args.dryRun) return planAnswer({ ...planArgs(args), select }, context);
      const result = await upInContext(options, context);
      const unwritten = metrics?.end(result) ?? null;
      return {
        ...upAnswer(result),
        failures: [
          ...runFailures(result),
          ...(unwritten?.all ?? []).map(({ details }) => ({ error: details })),
        ],
      };
    };
  },
});

function upInContext(options: UpOptions, { config, signal, onEvent }: CommandContext): Promise<UpResult> {
  return up(config, {
    ...options,
    signal,
    onEvent: (event) => {
      if (event.type === 'phase-started' && event.pending > manySchemas) keepHeapSmall();
      onEvent(event);
    },
  });
}

function upAnswer(result: UpResult): Omit<Answer, 'failures'> {
  return {
    exitCode: exitCodeOfRun(result),
    json: result,
    text: () => upTable(result),
    summary: upSummary(result),
  };
}
