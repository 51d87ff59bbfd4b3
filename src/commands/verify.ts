import type { Argv } from 'yargs';
import { verify } from '../operations/verify.ts';
import { verifyText } from '../report/verify.ts';
import { execute } from './execute.ts';
import { type GlobalOptions, selectionOf, selectorOptions } from './options.ts';
import type { Terminal } from './terminal.ts';

/** `sqlmig verify`. */
export function verifyCommand(yargs: Argv<GlobalOptions>, terminal: Terminal, exit: (code: number) => void) {
  return yargs.command(
    'verify',
    'Compare every history with the files; exit 1 if anything differs',
    (y) =>
      y
        .options(selectorOptions)
        .option('strict', { type: 'boolean', default: false, describe: 'Warnings about files fail it too' })
        .example('$0 verify', 'changed, missing and out-of-order files, in every schema')
        .example('$0 verify --json', 'for a program'),
    async (args) => {
      const code = await execute(args, terminal, () => {
        const select = selectionOf(args) ?? { kind: 'all', except: [] };
        return async ({ config, signal, onEvent }) => {
          const result = await verify(config, { select, strict: args.strict, signal, onEvent });
          return { exitCode: result.ok ? 0 : 1, json: result, text: (paint) => verifyText(result, paint) };
        };
      });
      exit(code);
    },
  );
}
