#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Invocation } from './commands/command.ts';
import { reportError } from './commands/execute.ts';
import { usage } from './commands/options.ts';
import { quickly } from './commands/quick.ts';
import type { Terminal } from './commands/terminal.ts';
import { keepParserSmall, optimizeLate } from './commands/v8-flags.ts';
import { SqlmigError } from './errors.ts';
import { createPaint } from './report/paint.ts';

// Else `ps` would show the password of --url.
process.title = 'sqlmig';
keepParserSmall();
optimizeLate();

const interruption = new AbortController();
const terminal: Terminal = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  stdinIsTty: process.stdin.isTTY,
  stdoutIsTty: process.stdout.isTTY,
  stderrIsTty: process.stderr.isTTY,
  ask: process.stdin.isTTY && process.stderr.isTTY ? ask : null,
  askText: process.stdin.isTTY && process.stderr.isTTY ? askText : null,
  replaceProcess: process.pid === 1 ? executable() : null,
  env: process.env,
  cwd: process.cwd(),
  signal: interruption.signal,
};

async function ask(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await askText(question));
}

async function askText(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await dialogue.question(question, { signal: interruption.signal }).catch(() => '');
  dialogue.close();
  return answer.trim();
}

/** `execve` of Node 22.15 and newer; it takes the full path of a program. */
function executable(): Terminal['replaceProcess'] {
  const { execve } = process as { execve?: (file: string, args: readonly string[], env: object) => void };
  if (execve === undefined) return null;
  return (program, args) => {
    const found = (process.env.PATH ?? '')
      .split(':')
      .map((dir) => (program.includes('/') ? program : `${dir}/${program}`))
      .find((path) => existsSync(path));
    if (found !== undefined) execve.call(process, found, [program, ...args], process.env);
  };
}

const onSignal = Object.fromEntries(
  (
    [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const
  ).map(([signal, code]) => [
    signal,
    () => {
      // The second time there is no waiting.
      if (interruption.signal.aborted) process.exit(code);
      interruption.abort(signal);
    },
  ]),
);
for (const [signal, react] of Object.entries(onSignal)) process.on(signal, react);
// `sqlmig status | head` closes the pipe early; that is nobody's mistake.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

// Not awaited here: a promise that nothing settles any more would end the process with Node's own 13.
void main(process.argv.slice(2)).then((code) => {
  process.removeListener('beforeExit', onNothingLeft);
  process.exitCode = code;
});
process.once('beforeExit', onNothingLeft);

/** Nothing is left that could ever answer, and the work is not done. */
function onNothingLeft(): void {
  const error = new SqlmigError('connection-lost', 'the connection to the database ended without a word', {
    state: 'what was committed is in the history',
    hint: 'run it again to go on',
  });
  process.exitCode = reportError(error, process.argv.includes('--json'), terminal, createPaint(false));
}

/** Does what the arguments say; what stands after `--` is run in our place once that has succeeded. */
async function main(argv: readonly string[]): Promise<number> {
  const end = argv.indexOf('--');
  const own = end === -1 ? argv : argv.slice(0, end);
  const invocation = (await quickly(own)) ?? (await parsed(own));
  if (typeof invocation === 'number') return invocation;
  if (end === -1) return (await invocation?.command.run(invocation.args, terminal)) ?? 0;
  const program = argv.slice(end + 1);
  if (invocation?.command.name !== 'up' || program.length === 0) {
    const hint = 'sqlmig up --all -- node server.js';
    return refuse(usage('a program after -- goes with up, and is run once that has succeeded', hint), own);
  }
  const { rehearse, dryRun } = invocation.args;
  if (rehearse === true || dryRun === true) {
    const flag = rehearse === true ? '--rehearse' : '--dry-run';
    const hint = `run sqlmig up with ${flag} first, and then without it and with the program`;
    return refuse(usage(`${flag} leaves nothing applied, so it starts no program`, hint), own);
  }
  const code = await invocation.command.run(invocation.args, terminal);
  if (code !== 0) return code;
  for (const [signal, react] of Object.entries(onSignal)) process.removeListener(signal, react);
  const { handOver } = await import('./commands/hand-over.ts');
  return handOver(program, terminal);
}

/** What yargs makes of the arguments; an exit code where they make no sense. */
async function parsed(argv: readonly string[]): Promise<Invocation | number> {
  const { parse } = await import('./commands/parse.ts');
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
  try {
    return (await parse(argv, { version, columns: process.stdout.columns ?? 100 })) ?? 0;
  } catch (error) {
    if (!(error instanceof SqlmigError)) throw error;
    return refuse(error, argv);
  }
}

function refuse(error: SqlmigError, argv: readonly string[]): number {
  return reportError(error, argv.includes('--json'), terminal, createPaint(false));
}
