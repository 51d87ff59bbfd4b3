import type { OnEvent } from '../../events.ts';
import { checkUpOptions, up } from '../../operations/up.ts';
import { defaults } from '../../project/defaults.ts';
import { upFailures, upSummary, upTable } from '../../report/up.ts';
import { defineCommand } from '../command.ts';
import { execute, exitCodeOf, exitCodeOfSchemas } from '../execute.ts';
import { type MetricsFile, openMetrics } from '../metrics-file.ts';
import {
  canaryOf,
  flags,
  lockArgs,
  lockOptions,
  maxFailuresOf,
  planArgs,
  planOptions,
  readOnlyOption,
  selectionOf,
  selectorOptions,
  usage,
} from '../options.ts';
import { keepHeapSmall } from '../v8-flags.ts';
import { planAnswer } from './plan.ts';

const manySchemas = 1_000;

/** `sqlmig up`. */
export const upCommand = defineCommand()({
  name: 'up',
  describe: 'Apply what is pending: public first, then tenants in parallel',
  options: {
    ...selectorOptions,
    ...planOptions,
    ...lockOptions,
    ...readOnlyOption,
    concurrency: {
      type: 'number',
      requiresArg: true,
      describe: `Tenants at a time [${defaults.concurrency}; ${defaults.concurrencyBefore17} up to PostgreSQL 16]`,
    },
    digest: {
      type: 'boolean',
      describe: 'Keep digests of histories in the catalogue, and believe them: nothing to do is told at once',
    },
    rehearse: {
      type: 'boolean',
      default: false,
      describe: 'Run it for real, roll it back, and show time and locks',
    },
    'dry-run': { type: 'boolean', default: false, describe: 'Print what plan prints, and run nothing' },
    canary: {
      type: 'string',
      requiresArg: true,
      describe: 'These tenants first, and the rest only if none of them fails: 5, 10% or a,b',
    },
    'canary-tolerate': {
      type: 'number',
      requiresArg: true,
      describe: `Go on although this many canaries have failed [${defaults.canaryTolerate}]`,
    },
    metrics: {
      type: 'string',
      requiresArg: true,
      describe: 'Write what came of it to this file, for Prometheus; a rehearsal leaves it as it is',
    },
    'max-failures': {
      type: 'string',
      default: String(defaults.maxFailures),
      requiresArg: true,
      describe: 'Stop starting tenants once K, or P% of those selected, have failed',
    },
  },
  examples: [
    ['up --all', 'public and every tenant'],
    ['up --tenants acme,globex', 'public and two tenants'],
    ['up --all --wait 60s -- node server.js', 'as an entrypoint: wait, migrate, then run the app'],
    ['up --all --rehearse', 'try it: run everything, then roll it back'],
    [
      'up --all --canary 5 --max-failures 1%',
      'five first, all of which must succeed; then stop at one percent of failures',
    ],
  ],
  run: async (args, terminal) => {
    const metrics: { file?: MetricsFile } = {};
    const exitCode = await execute(args, terminal, () => {
      const leavesMetrics = args.metrics !== undefined && (args.rehearse || args.dryRun);
      if (args.metrics !== undefined && !leavesMetrics)
        metrics.file = openMetrics(args.metrics, terminal.cwd);
      const select = selectionOf(args);
      if (select === null) {
        throw usage('up needs to know for whom: --all, --public or --tenants a,b', 'try: sqlmig up --all');
      }
      const canary = args.canary === undefined ? undefined : canaryOf(args.canary);
      const { canaryTolerate } = args;
      const options = {
        ...planArgs(args),
        select,
        rehearse: args.rehearse,
        maxFailures: maxFailuresOf(args.maxFailures),
        ...lockArgs(args),
        ignoreReadOnly: args.ignoreReadOnly,
        ...(canary !== undefined && { canary }),
        ...(canaryTolerate !== undefined && { canaryTolerate }),
      };
      checkUpOptions(options, flags);
      if (args.rehearse && args.dryRun) throw usage('give one of --rehearse and --dry-run');
      const tellLeft = (onEvent: OnEvent) => {
        const message = 'nothing is applied for good, so the file of --metrics stays as it is';
        if (leavesMetrics) onEvent({ type: 'warning', message });
      };
      if (args.dryRun) {
        return (context) => {
          tellLeft(context.onEvent);
          return planAnswer({ ...planArgs(args), select }, context);
        };
      }
      return async ({ config, signal, onEvent }) => {
        tellLeft(onEvent);
        const watching: OnEvent = (event) => {
          if (event.type === 'phase-started' && event.pending > manySchemas) keepHeapSmall();
          onEvent(event);
        };
        const result = await up(config, { ...options, signal, onEvent: watching });
        const unwritten = metrics.file?.end(result) ?? null;
        const failed = result.schemas.filter((outcome) => outcome.state === 'failed');
        return {
          exitCode: result.ok
            ? 0
            : result.error
              ? exitCodeOf([...failed.map((outcome) => outcome.error), result.error])
              : exitCodeOfSchemas(failed.map((outcome) => outcome.error)),
          json: result,
          text: () => upTable(result),
          failures: [...upFailures(result), ...(unwritten === null ? [] : [{ error: unwritten.details }])],
          summary: upSummary(result),
        };
      };
    });
    // A run that could not begin has not been written yet.
    metrics.file?.end();
    return exitCode;
  },
});
