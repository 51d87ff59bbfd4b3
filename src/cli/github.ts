import { appendFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Annotation, annotationLine } from '../report/github.ts';
import type { Terminal } from './terminal.ts';

// GitHub shows ten annotations of a step at each level.
const mostOfLevel = 10;

/** In a GitHub workflow, annotates files, each text once. */
export function annotate(annotations: () => readonly Annotation[], { env, cwd, stderr }: Terminal): void {
  if (env.GITHUB_ACTIONS !== 'true') return;
  const root = env.GITHUB_WORKSPACE ?? cwd;
  const all = annotations();
  for (const level of ['error', 'warning'] as const) {
    const lines = all
      .filter((annotation) => annotation.level === level)
      .map(({ file, ...rest }) =>
        annotationLine({ ...rest, ...(file !== undefined && { file: relative(root, join(cwd, file)) }) }),
      );
    for (const line of [...new Set(lines)].slice(0, mostOfLevel)) stderr(line);
  }
}

/**
 * In a GitHub workflow, a terminal on which text from a file or the server cannot run workflow commands. JSON on stdout
 * is not changed.
 */
export function withoutCommands(terminal: Terminal, json: boolean): Terminal {
  if (terminal.env.GITHUB_ACTIONS !== 'true') return terminal;
  // The older form, ##[command], is recognized anywhere in a line.
  const disarmed = (text: string) => text.replace(/^([^\S\n]*):(?=:)/gm, '$1: ').replaceAll('##[', '## [');
  return {
    ...terminal,
    stdout: (text) => terminal.stdout(json ? text : disarmed(text)),
    stderr: (text) => terminal.stderr(disarmed(text)),
  };
}

/** In a GitHub workflow, adds text to the job summary. Errors while writing it are ignored. */
export function summarize(text: () => string, terminal: Terminal): void {
  summarizeMarkdown(() => {
    // GitHub accepts one megabyte per step.
    const content = text().slice(0, 100_000).trimEnd();
    // A fence as long as this one in the text would end the block.
    const fence = '`'.repeat(Math.max(3, ...(content.match(/`+/g) ?? []).map(({ length }) => length)) + 1);
    return `${fence}text\n${content}\n${fence}\n`;
  }, terminal);
}

/** In a GitHub workflow, adds Markdown to the job summary. Errors while writing it are ignored. */
export function summarizeMarkdown(markdown: () => string, { env }: Terminal): void {
  const file = env.GITHUB_STEP_SUMMARY;
  if (env.GITHUB_ACTIONS !== 'true' || !file) return;
  try {
    appendFileSync(file, markdown());
  } catch {
    // The same text is in the log of the step.
  }
}
