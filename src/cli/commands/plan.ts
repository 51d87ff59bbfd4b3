import { type PlanCommandOptions, plan } from '../../operations/plan.ts';
import { everySchema } from '../../project/selection.ts';
import { databaseFailures } from '../../report/error.ts';
import { failureAnnotations, findingAnnotations } from '../../report/github.ts';
import { planText } from '../../report/plan.ts';
import { type Answer, type CommandContext, defineCommand } from '../command.ts';
import { planArgs, planOptions, readSelectorOptions, selectionOf } from '../options.ts';

/** `sqlmig plan`. */
export const planCommand = defineCommand()({
  name: 'plan',
  describe: 'Show the migrations that up would apply, without applying them',
  options: {
    ...readSelectorOptions,
    ...planOptions,
    lint: {
      type: 'boolean',
      default: false,
      describe: 'Warn about risky SQL, locks and rewrites in all files',
    },
  },
  examples: [
    ['plan', 'what a deployment would apply to public and every tenant'],
    ['plan --tenants acme --json', 'one tenant, machine-readable'],
  ],
  showsDatabase: true,
  prepare: (args) => {
    const options = { ...planArgs(args), select: selectionOf(args) ?? everySchema, lint: args.lint };
    return (context) => planAnswer(options, context);
  },
});

/** The answer of `plan`, and of `up --dry-run`. */
export async function planAnswer(
  options: PlanCommandOptions,
  { config, signal, onEvent }: CommandContext,
): Promise<Answer> {
  const result = await plan(config, { ...options, signal, onEvent });
  return {
    exitCode: result.ok ? 0 : 1,
    failures: databaseFailures(result),
    json: result,
    text: (paint) => planText(result, paint),
    annotations: () => [
      ...failureAnnotations(result.schemas.filter(({ error }) => error !== undefined)),
      ...findingAnnotations(result.warnings, () => 'warning'),
    ],
  };
}
