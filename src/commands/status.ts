import type { Argv } from 'yargs';
import { status } from '../operations/status.ts';
import { statusTable } from '../report/status.ts';
import { execute } from './execute.ts';
import { type GlobalOptions, selectionOf, selectorOptions } from './options.ts';
import type { Terminal } from './terminal.ts';

/** `sqlmig status`. */
export function statusCommand(yargs: Argv<GlobalOptions>, terminal: Terminal, exit: (code: number) => void) {
  return yargs.command(
    'status',
    'Show where public and the tenants stand',
    (y) =>
      y
        .options(selectorOptions)
        .option('check', {
          type: 'boolean',
          default: false,
          describe: 'Exit 1 if anything is pending or found',
        })
        .example('$0 status', 'a line a scope and version')
        .example('$0 status --check', 'for a pipeline'),
    async (args) => {
      const code = await execute(args, terminal, () => {
        const select = selectionOf(args) ?? { kind: 'all', except: [] };
        return async ({ config, signal, onEvent }) => {
          const result = await status(config, { select, signal, onEvent });
          return {
            exitCode: args.check && !result.ok ? 1 : 0,
            json: result,
            text: () => statusTable(result),
          };
        };
      });
      exit(code);
    },
  );
}
