import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type PlanCommandOptions, plan } from '../../operations/plan.ts';
import { everySchema } from '../../project/selection.ts';
import { databaseFailures } from '../../report/error.ts';
import { failureAnnotations, findingAnnotations } from '../../report/github.ts';
import { planText } from '../../report/plan.ts';
import { noPlanMarkdown, planMarkdown } from '../../report/plan-markdown.ts';
import { type RehearsalDocument, rehearsalDocument } from '../../report/rehearsal-markdown.ts';
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
    rehearsal: {
      type: 'string',
      takes: 'FILE',
      describe: 'With --markdown: add the costs from this output of up --rehearse --json',
    },
  },
  examples: [
    ['plan', 'what a deployment would apply to public and every tenant'],
    ['plan --tenants acme --json', 'one tenant, machine-readable'],
    ['plan --markdown > plan.md', 'a comment for a pull request, with warnings about locks'],
    ['plan --markdown --rehearsal up.json', 'the same, with the costs that up --rehearse --json measured'],
  ],
  showsDatabase: true,
  insteadOfAnswer: ({ markdown }, errors) => (markdown === true ? noPlanMarkdown(errors) : ''),
  prepare: (args, { cwd }) => {
    const { lint, markdown, json } = args;
    if (markdown && json) throw usage('--markdown and --json cannot be combined', 'give only one of them');
    if (args.rehearsal !== undefined && !markdown) throw usage('--rehearsal requires --markdown');
    const rehearsal = args.rehearsal === undefined ? null : rehearsalIn(args.rehearsal, cwd);
    const select = selectionOf(args) ?? everySchema;
    const options = { ...planArgs(args), select, lint, lintLocks: lint || markdown };
    return async (context) => {
      const answer = await planAnswer(options, context);
      return markdown
        ? { ...answer, text: () => planMarkdown(answer.json, rehearsal), isMarkdown: true }
        : answer;
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

/** @throws SqlmigError `bad-usage` if the file has no such document. */
function rehearsalIn(file: string, cwd: string): RehearsalDocument {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, file), 'utf8');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const hint = 'correct the path; it is relative to the working directory';
    throw usage(`--rehearsal: ${file} cannot be read (${code})`, hint);
  }
  const found = rehearsalDocument(text);
  if (typeof found === 'string')
    throw usage(
      `--rehearsal: ${file} is not a document of up --rehearse --json: ${found}`,
      `write it with: sqlmig up --all --rehearse --json > ${file}`,
    );
  return found;
}
