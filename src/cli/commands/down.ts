import { checkDownOptions, type DownLimit, type DownOptions } from '../../fleet/down-options.ts';
import { down, planDown } from '../../operations/down.ts';
import { downPlanText, downQuestion, downSummary, downTable } from '../../report/down.ts';
import { databaseFailures, runFailures } from '../../report/error.ts';
import { createPaint } from '../../report/paint.ts';
import type { DownResult } from '../../results.ts';
import { type Answer, defineCommand } from '../command.ts';
import { confirms, exitCodeOfRun } from '../execute.ts';
import {
  changeArgs,
  changeOptions,
  commitArgs,
  commitOptions,
  flagOf,
  selectionOf,
  selectorOptions,
  usage,
  yesOption,
} from '../options.ts';
import { concurrencyOption, maxFailuresOf, maxFailuresOption, requireAllOption } from '../stop-options.ts';

/** `sqlmig down`. */
export const downCommand = defineCommand()({
  name: 'down',
  describe: 'Undo applied migrations with their .down.sql files: tenants in parallel, then public',
  options: {
    ...selectorOptions,
    tenants: { ...selectorOptions.tenants, describe: 'Select these tenants, and not public: a,b' },
    to: { type: 'string', takes: 'VERSION', describe: 'Undo all versions above this one (0: everything)' },
    steps: { type: 'number', takes: 'N', describe: 'Undo the last N migrations of each schema' },
    'to-files': {
      type: 'boolean',
      default: false,
      describe: 'Undo all versions above the newest file, with the down files kept in the history',
    },
    ...changeOptions,
    ...commitOptions,
    ...concurrencyOption,
    rehearse: {
      type: 'boolean',
      default: false,
      describe: 'Execute everything, roll it back, and report durations',
    },
    'dry-run': {
      type: 'boolean',
      default: false,
      describe: 'Print what would be undone and execute nothing',
    },
    ...maxFailuresOption,
    ...requireAllOption,
    ...yesOption,
  },
  examples: [
    ['down --all --steps 1', 'undo the last migration of every tenant and of public'],
    ['down --tenants acme --to 0007', 'bring one tenant back to 0007'],
    ['down --all --to-files --yes', 'bring everything back to the newest version that this release has'],
    ['down --all --to 0007 --rehearse', 'execute everything, then roll it back'],
  ],
  showsDatabase: true,
  prepare: (args, terminal) => {
    const select = selectionOf(args);
    if (select === null) {
      const hint = 'for example: sqlmig down --all --steps 1';
      throw usage('specify what to undo: --all, --public or --tenants a,b', hint);
    }
    const { to, steps, toFiles, rehearse, dryRun } = args;
    const limit = {
      ...(to !== undefined && { to }),
      ...(steps !== undefined && { steps }),
      ...(toFiles && { toFiles }),
    } as DownLimit;
    const options: DownOptions = {
      ...limit,
      ...changeArgs(args),
      ...commitArgs(args),
      select,
      rehearse,
      maxFailures: maxFailuresOf(args.maxFailures),
      requireAll: args.requireAll,
    };
    checkDownOptions(options, flagOf);
    if (rehearse && dryRun)
      throw usage('--rehearse and --dry-run cannot be combined', 'give only one of them');
    const asks = !args.yes && !rehearse;
    return async ({ config, signal, onEvent }) => {
      if (dryRun) {
        const plan = await planDown(config, { ...limit, select, signal, onEvent });
        return {
          exitCode: plan.ok ? 0 : 1,
          json: plan,
          text: (paint) => downPlanText(plan, paint),
          failures: databaseFailures(plan),
        };
      }
      const accept: DownOptions['accept'] = (plan) =>
        confirms(terminal, downQuestion(plan, createPaint(false)));
      return downAnswer(await down(config, { ...options, signal, onEvent, ...(asks && { accept }) }));
    };
  },
});

function downAnswer(result: DownResult): Answer {
  return {
    exitCode: exitCodeOfRun(result),
    json: result,
    text: () => downTable(result),
    summary: downSummary(result),
    failures: runFailures(result),
  };
}
