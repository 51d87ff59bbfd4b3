#!/usr/bin/env node
import { createRequire } from 'node:module';
import yargs, { type Argv } from 'yargs';
import { hideBin } from 'yargs/helpers';
import { reportError } from './commands/execute.ts';
import { locksCommand } from './commands/locks.ts';
import { newCommand } from './commands/new.ts';
import { type GlobalOptions, globalOptions, usage } from './commands/options.ts';
import { planCommand } from './commands/plan.ts';
import { repairCommand } from './commands/repair.ts';
import { statusCommand } from './commands/status.ts';
import { tenantCommand } from './commands/tenant.ts';
import type { Terminal } from './commands/terminal.ts';
import { upCommand } from './commands/up.ts';
import { verifyCommand } from './commands/verify.ts';
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

await main(hideBin(process.argv));

/** What yargs says is wrong with the arguments, as an error of ours; throws what is a defect. */
function asUsage(error: unknown): SqlmigError {
  if (error instanceof SqlmigError) return error;
  if (error instanceof Error && error.name === 'YError') return usage(error.message);
  throw error;
}

async function main(argv: readonly string[]): Promise<void> {
  const exit = (code: number) => {
    process.exitCode = code;
  };
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
  const parser: Argv<GlobalOptions> = yargs([...argv])
    .scriptName('sqlmig')
    .usage('$0 <command>\n\nBrings one shared PostgreSQL schema and all tenant schemas up to date.')
    .options(globalOptions)
    .group([...Object.keys(globalOptions), 'help', 'version'], 'For every command:')
    .version(version)
    .help()
    .strict()
    .recommendCommands()
    .demandCommand(1, 'a command is missing')
    .wrap(Math.min(process.stdout.columns ?? 100, 110))
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? usage(message);
    });
  const commands = [
    upCommand,
    planCommand,
    statusCommand,
    verifyCommand,
    newCommand,
    tenantCommand,
    repairCommand,
    locksCommand,
  ];
  for (const command of commands) command(parser, terminal, exit);
  try {
    await parser.parseAsync();
  } catch (error) {
    exit(reportError(asUsage(error), argv.includes('--json'), terminal, createPaint(false)));
  }
}
