import type { Argv } from 'yargs';
import { up } from '../operations/up.ts';
import { errorPicture } from '../report/error.ts';
import { upErrors, upSummary, upTable } from '../report/up.ts';
import { execute, exitCodeOf } from './execute.ts';
import {
  type GlobalOptions,
  lockArgs,
  lockOptions,
  maxFailuresOf,
  planArgs,
  planOptions,
  selectionOf,
  selectorOptions,
  usage,
  wholeNumber,
} from './options.ts';
import type { Terminal } from './terminal.ts';

/** `sqlmig up`. */
export function upCommand(yargs: Argv<GlobalOptions>, terminal: Terminal, exit: (code: number) => void) {
  return yargs.command(
    'up',
    'Apply what is pending: public first, then tenants in parallel',
    (y) =>
      y
        .options(selectorOptions)
        .options(planOptions)
        .options(lockOptions)
        .option('concurrency', { type: 'number', requiresArg: true, describe: 'Tenants at a time [8]' })
        .option('dry-run', {
          type: 'boolean',
          default: false,
          describe: 'Run it for real, roll it back, and show time and locks',
        })
        .option('canary', {
          type: 'number',
          requiresArg: true,
          describe: 'This many tenants first, then the rest',
        })
        .option('max-failures', {
          type: 'string',
          default: '1',
          requiresArg: true,
          describe: 'Stop starting tenants once K, or P%, have failed',
        })
        .example('$0 up --all', 'public and every tenant')
        .example('$0 up --tenants acme,globex', 'public and two tenants')
        .example('$0 up --all --canary 5 --max-failures 1%', 'five first; stop at one percent of failures'),
    async (args) => {
      const code = await execute(args, terminal, () => {
        const select = selectionOf(args);
        if (select === null) {
          throw usage('up needs to know for whom: --all, --public or --tenants a,b', 'try: sqlmig up --all');
        }
        const canary = wholeNumber('--canary', args.canary);
        const options = {
          ...planArgs(args),
          select,
          dryRun: args.dryRun,
          maxFailures: maxFailuresOf(args.maxFailures),
          ...lockArgs(args),
          ...(canary !== undefined && { canary }),
        };
        return async ({ config, signal, onEvent }) => {
          const result = await up(config, { ...options, signal, onEvent });
          const failed = result.schemas.filter((outcome) => outcome.state === 'failed');
          return {
            exitCode: result.ok
              ? 0
              : exitCodeOf([
                  ...failed.map((outcome) => outcome.error),
                  ...(result.error ? [result.error] : []),
                ]),
            json: result,
            text: () => upTable(result),
            errors: (paint) =>
              upErrors(result.schemas, paint) + (result.error ? errorPicture(result.error, paint) : ''),
            summary: upSummary(result),
          };
        };
      });
      exit(code);
    },
  );
}
