import { appendFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Failure } from '../report/error.ts';
import { annotation } from '../report/github.ts';
import type { Terminal } from './terminal.ts';

/** In a GitHub workflow, annotates files with their errors, each once regardless of the number of schemas. */
export function annotate(failures: readonly Failure[], { env, cwd, stderr }: Terminal): void {
  if (env.GITHUB_ACTIONS !== 'true') return;
  const root = env.GITHUB_WORKSPACE ?? cwd;
  const lines = failures.flatMap(({ error }) =>
    error === undefined || error.code === 'stopped'
      ? []
      : annotation(
          error.file === undefined ? error : { ...error, file: relative(root, join(cwd, error.file)) },
        ),
  );
  // GitHub shows ten errors of a step.
  for (const line of [...new Set(lines)].slice(0, 10)) stderr(line);
}

/** In a GitHub workflow, adds text to the job summary. Errors while writing it are ignored. */
export function summarize(text: () => string, { env }: Terminal): void {
  const file = env.GITHUB_STEP_SUMMARY;
  if (env.GITHUB_ACTIONS !== 'true' || !file) return;
  try {
    // GitHub accepts one megabyte per step.
    appendFileSync(file, `\`\`\`\`text\n${text().slice(0, 100_000).trimEnd()}\n\`\`\`\`\n`);
  } catch {
    // The same text is in the log of the step.
  }
}
