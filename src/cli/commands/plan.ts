import { type PlanCommandOptions, plan } from '../../operations/plan.ts';
import { everySchema } from '../../project/selection.ts';
import { databaseFailures } from '../../report/error.ts';
import { failureAnnotations, findingAnnotations } from '../../report/github.ts';
import { planText } from '../../report/plan.ts';
import { noPlanMarkdown, planMarkdown } from '../../report/plan-markdown.ts';
import type { PlanResult } from '../../results.ts';
import { type Answer, type CommandContext, defineCommand } from '../command.ts';
import { planArgs, planOptions, readSelectorOptions, selectionOf, usage } from '../options.ts';

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
    markdown: {
      type: 'boolean',
      default: false,
      describe: 'Print Markdown for a comment on a pull request',
    },
  },
  examples: [
    ['plan', 'what a deployment would apply to public and every tenant'],
    ['plan --tenants acme --json', 'one tenant, machine-readable'],
    ['plan --markdown > plan.md', 'a comment for a pull request, with warnings about locks'],
  ],
  showsDatabase: true,
  insteadOfAnswer: ({ markdown }, errors) => (markdown === true ? noPlanMarkdown(errors) : ''),
  prepare: (args) => {
    const { lint, markdown, json } = args;
    if (markdown && json) throw usage('--markdown and --json cannot be combined', 'give only one of them');
    const select = selectionOf(args) ?? everySchema;
    const options = { ...planArgs(args), select, lint, lintLocks: lint || markdown };
    return async (context) => {
      const answer = await planAnswer(options, context);
      return markdown ? { ...answer, text: () => planMarkdown(answer.json), isMarkdown: true } : answer;
    };
  },
});

/** The answer of `plan`, and of `up --dry-run`. */
export async function planAnswer(
  options: PlanCommandOptions,
  { config, signal, onEvent }: CommandContext,
): Promise<Answer & { readonly json: PlanResult }> {
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
