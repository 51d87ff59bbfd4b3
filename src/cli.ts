#!/usr/bin/env node
import { createRequire } from 'node:module';
import type { Invocation } from './commands/command.ts';
import { reportError } from './commands/execute.ts';
import { quickly } from './commands/quick.ts';
import type { Terminal } from './commands/terminal.ts';
import { SqlmigError } from './errors.ts';
import { createPaint } from './report/paint.ts';

const interruption = new AbortController();
const terminal: Terminal = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  stdoutIsTty: process.stdout.isTTY,
  stderrIsTty: process.stderr.isTTY,
  ask: process.stdin.isTTY && process.stderr.isTTY ? ask : null,
  env: process.env,
  cwd: process.cwd(),
  signal: interruption.signal,
};

async function ask(question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises');
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await dialogue.question(question, { signal: interruption.signal }).catch(() => '');
  dialogue.close();
  return /^y(es)?$/i.test(answer.trim());
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    // The second time there is no waiting.
    if (interruption.signal.aborted) process.exit(code);
    interruption.abort(signal);
  });
}
// `sqlmig status | head` closes the pipe early; that is nobody's mistake.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const invocation = (await quickly(argv)) ?? (await parsed(argv));
  if (invocation === null) return 0;
  return typeof invocation === 'number' ? invocation : invocation.command.run(invocation.args, terminal);
}

/** What yargs makes of the arguments; an exit code where they make no sense. */
async function parsed(argv: readonly string[]): Promise<Invocation | number | null> {
  const { parse } = await import('./commands/parse.ts');
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
  try {
    return await parse(argv, { version, columns: process.stdout.columns ?? 100 });
  } catch (error) {
    if (!(error instanceof SqlmigError)) throw error;
    return reportError(error, argv.includes('--json'), terminal, createPaint(false));
  }
}
