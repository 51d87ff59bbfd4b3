import { plan } from '../operations/plan.ts';
import { planText } from '../report/plan.ts';
import { defineCommand } from './command.ts';
import { execute } from './execute.ts';
import { planArgs, planOptions, selectionOf, selectorOptions } from './options.ts';

/** `sqlmig plan`. */
export const planCommand = defineCommand()({
  name: 'plan',
  describe: 'Show what up would do, touching nothing',
  options: { ...selectorOptions, ...planOptions },
  examples: [
    ['plan', 'what a deploy will do to public and every tenant'],
    ['plan --tenants acme --json', 'for one tenant, for a program'],
  ],
  run: (args, terminal) =>
    execute(args, terminal, () => {
      const select = selectionOf(args) ?? { kind: 'all', except: [] };
      const options = { ...planArgs(args), select };
      return async ({ config, signal, onEvent }) => {
        const result = await plan(config, { ...options, signal, onEvent });
        return { exitCode: result.ok ? 0 : 1, json: result, text: (paint) => planText(result, paint) };
      };
    }),
});
