import { type PlanCommandOptions, plan } from '../../operations/plan.ts';
import { everySchema } from '../../project/selection.ts';
import { planText } from '../../report/plan.ts';
import { defineCommand } from '../command.ts';
import { type Answer, type CommandContext, execute } from '../execute.ts';
import { planArgs, planOptions, selectionOf, selectorOptions } from '../options.ts';

/** `sqlmig plan`. */
export const planCommand = defineCommand()({
  name: 'plan',
  describe: 'Show what up would do, touching nothing',
  options: {
    ...selectorOptions,
    ...planOptions,
    lint: { type: 'boolean', default: false, describe: 'Warn about all files, not only new ones' },
  },
  examples: [
    ['plan', 'what a deploy will do to public and every tenant'],
    ['plan --tenants acme --json', 'for one tenant, for a program'],
  ],
  run: (args, terminal) =>
    execute(args, terminal, () => {
      const select = selectionOf(args) ?? everySchema;
      const options = { ...planArgs(args), select, lint: args.lint };
      return (context) => planAnswer(options, context);
    }),
});

/** The answer of `plan`, and of `up --dry-run`. */
export async function planAnswer(
  options: PlanCommandOptions,
  { config, signal, onEvent }: CommandContext,
): Promise<Answer> {
  const result = await plan(config, { ...options, signal, onEvent });
  return { exitCode: result.ok ? 0 : 1, json: result, text: (paint) => planText(result, paint) };
}
