import type { Argv } from 'yargs';
import { plan } from '../operations/plan.ts';
import { planText } from '../report/plan.ts';
import { execute } from './execute.ts';
import { type GlobalOptions, planArgs, planOptions, selectionOf, selectorOptions } from './options.ts';
import type { Terminal } from './terminal.ts';

/** `sqlmig plan`. */
export function planCommand(yargs: Argv<GlobalOptions>, terminal: Terminal, exit: (code: number) => void) {
  return yargs.command(
    'plan',
    'Show what up would do, touching nothing',
    (y) =>
      y
        .options(selectorOptions)
        .options(planOptions)
        .example('$0 plan', 'what a deploy will do to public and every tenant')
        .example('$0 plan --tenants acme --json', 'for one tenant, for a program'),
    async (args) => {
      const code = await execute(args, terminal, () => {
        const select = selectionOf(args) ?? { kind: 'all', except: [] };
        const options = { ...planArgs(args), select };
        return async ({ config, signal, onEvent }) => {
          const result = await plan(config, { ...options, signal, onEvent });
          return { exitCode: result.ok ? 0 : 1, json: result, text: (paint) => planText(result, paint) };
        };
      });
      exit(code);
    },
  );
}
