import { renameSync, writeFileSync } from 'node:fs';
import type { OnEvent } from '../events.ts';
import type { UpResult } from '../model.ts';
import { checkUpOptions, up } from '../operations/up.ts';
import { metricsText } from '../report/metrics.ts';
import { upFailures, upSummary, upTable } from '../report/up.ts';
import { defineCommand } from './command.ts';
import { execute, exitCodeOf, exitCodeOfSchemas } from './execute.ts';
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
} from './options.ts';
import { planAnswer } from './plan.ts';
import { keepHeapSmall } from './v8-flags.ts';

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
      describe: 'Tenants at a time [4; 8 up to PostgreSQL 16]',
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
      describe: 'Go on although this many canaries have failed [0]',
    },
    metrics: {
      type: 'string',
      requiresArg: true,
      describe: 'Write what came of it to this file, for Prometheus',
    },
    'max-failures': {
      type: 'string',
      default: '1',
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
  run: (args, terminal) =>
    execute(args, terminal, () => {
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
      if (args.dryRun) return (context) => planAnswer({ ...planArgs(args), select }, context);
      return async ({ config, signal, onEvent }) => {
        const watching: OnEvent = (event) => {
          if (event.type === 'phase-started' && event.pending > manySchemas) keepHeapSmall();
          onEvent(event);
        };
        const result = await up(config, { ...options, signal, onEvent: watching });
        if (args.metrics !== undefined) writeMetrics(args.metrics, result);
        const failed = result.schemas.filter((outcome) => outcome.state === 'failed');
        return {
          exitCode: result.ok
            ? 0
            : result.error
              ? exitCodeOf([...failed.map((outcome) => outcome.error), result.error])
              : exitCodeOfSchemas(failed.map((outcome) => outcome.error)),
          json: result,
          text: () => upTable(result),
          failures: upFailures(result),
          summary: upSummary(result),
        };
      };
    }),
});

/** Whole or not at all: a collector may read at any moment. */
function writeMetrics(file: string, result: UpResult): void {
  const making = `${file}.${process.pid}`;
  writeFileSync(making, metricsText(result, Math.round(Date.now() / 1000)));
  renameSync(making, file);
}
