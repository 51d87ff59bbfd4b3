#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { SqlmigError } from '../errors.ts';
import { createPaint } from '../report/paint.ts';
import type { Invocation } from './command.ts';
import { defectOf } from './defect.ts';
import { loadEnvFiles } from './env-file.ts';
import { document, reportError } from './execute.ts';
import { usage } from './options.ts';
import { quickly } from './quick.ts';
import type { Terminal } from './terminal.ts';
import { keepParserSmall, optimizeLate } from './v8-flags.ts';

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
let answerLost: Error | null = null;
// `sqlmig status | head` closes the pipe early; that is nobody's mistake.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Where stderr fails there is nowhere left to tell of it.
    if (error.code !== 'EPIPE' && stream === process.stdout) answerLost ??= error;
  });
}
/** The work is done, but its answer reached nobody. */
function tellLost(code: number): void {
  if (answerLost === null) return;
  const error = new SqlmigError('output-failed', `cannot write the answer to stdout: ${answerLost.message}`, {
    hint: 'check where stdout leads to; what the command did is done',
  });
  const lost = fail(error);
  if (code === 0) process.exitCode = lost;
}
process.once('exit', tellLost);
process.on('uncaughtException', (error) => process.exit(fail(error)));

// Not awaited here: a promise that nothing settles any more would end the process with Node's own 13.
void main(process.argv.slice(2))
  .catch(fail)
  .then((code) => {
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
  process.exitCode = fail(error);
}

/** Does what the arguments say; what stands after `--` is run in our place once that has succeeded. */
async function main(argv: readonly string[]): Promise<number> {
  const end = argv.indexOf('--');
  const own = end === -1 ? argv : argv.slice(0, end);
  const invocation = (await quickly(own)) ?? (await parsed(own));
  if (typeof invocation === 'number') return invocation;
  loadEnvFiles((invocation?.args.envFile ?? []) as readonly string[]);
  if (end === -1) return (await invocation?.command.run(invocation.args, terminal)) ?? 0;
  const program = argv.slice(end + 1);
  if (invocation?.command.name !== 'up' || !program[0]) {
    const hint = 'sqlmig up --all -- node server.js';
    return fail(usage('a program after -- goes with up, and is run once that has succeeded', hint));
  }
  const { rehearse, dryRun } = invocation.args;
  if (rehearse === true || dryRun === true) {
    const flag = rehearse === true ? '--rehearse' : '--dry-run';
    const hint = `run sqlmig up with ${flag} first, and then without it and with the program`;
    return fail(usage(`${flag} leaves nothing applied, so it starts no program`, hint));
  }
  const code = await invocation.command.run(invocation.args, terminal);
  if (code !== 0) return code;
  for (const [signal, react] of Object.entries(onSignal)) process.removeListener(signal, react);
  // From here on the exit code is the program's.
  process.removeListener('exit', tellLost);
  const { handOver } = await import('./hand-over.ts');
  return handOver(program, terminal);
}

/** What yargs makes of the arguments; an exit code where they make no sense. */
async function parsed(argv: readonly string[]): Promise<Invocation | number> {
  const { parse } = await import('./parse.ts');
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
  const versionText = argv.includes('--json') ? document({ ok: true, version }).trimEnd() : version;
  return (await parse(argv, { version: versionText, columns: process.stdout.columns ?? 100 })) ?? 0;
}

/** Reports what no command did, in the form that the arguments ask for, and gives its exit code. */
function fail(error: unknown): number {
  const end = process.argv.indexOf('--');
  const own = process.argv.slice(2, end === -1 ? undefined : end);
  const logsJson = own.some(
    (arg, i) => arg === '--log-format=json' || (arg === 'json' && own[i - 1] === '--log-format'),
  );
  const paint = logsJson ? null : createPaint(false);
  return reportError(
    defectOf(error),
    { json: own.includes('--json'), verbose: own.includes('--verbose'), paint },
    terminal,
  );
}
