#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { SqlmigError } from '../errors.ts';
import { createPaint } from '../report/paint.ts';
import type { Invocation } from './command.ts';
import { defectOf } from './defect.ts';
import { loadEnvFiles } from './env-file.ts';
import { execute, reportError, signalExitCode } from './execute.ts';
import { usage } from './options.ts';
import { quickly } from './quick.ts';
import type { Terminal } from './terminal.ts';
import { keepParserSmall, optimizeLate } from './v8-flags.ts';

// Otherwise `ps` would show the password of --url.
process.title = 'sqlmig';
keepParserSmall();
optimizeLate();

const interruption = new AbortController();
let isDone = false;
const terminal: Terminal = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  stdinIsTty: process.stdin.isTTY,
  stdoutIsTty: process.stdout.isTTY,
  stderrIsTty: process.stderr.isTTY,
  columns: () => process.stderr.columns || 80,
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

/** `process.execve` of Node 22.15 and newer, which takes the full path of a program. */
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
      if (isDone) process.exit();
      // A second signal ends the process at once.
      if (interruption.signal.aborted) process.exit(code);
      interruption.abort(signal);
    },
  ]),
);
for (const [signal, react] of Object.entries(onSignal)) process.on(signal, react);
let answerLost: Error | null = null;
// `sqlmig status | head` closes the pipe early, which is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // A failure of stderr cannot be reported anywhere.
    if (error.code !== 'EPIPE' && stream === process.stdout) answerLost ??= error;
  });
}
/** The work is done, but its answer could not be written. */
function reportLostAnswer(code: number): void {
  if (answerLost === null) return;
  const error = new SqlmigError('output-failed', `cannot write the output to stdout: ${answerLost.message}`, {
    state: 'the command itself has finished',
    hint: 'check the file or pipe that stdout is redirected to',
  });
  const lost = fail(error);
  if (code === 0) process.exitCode = lost;
}
process.once('exit', reportLostAnswer);
/** Reports that code of the config ended the process with exit code 0 before the command had finished. */
process.once('exit', (code) => {
  if (isDone || code !== 0) return;
  const error = new SqlmigError('config-invalid', 'the process was ended before the command had finished', {
    hint: 'remove process.exit from the config file and from what it imports',
  });
  process.exitCode = fail(error);
});
process.on('uncaughtException', (error) => process.exit(fail(error)));

// Not awaited: with a top-level await, a promise that never settles would end the process with Node's exit code 13.
void main(process.argv.slice(2))
  .catch(fail)
  .then((code) => {
    isDone = true;
    process.exitCode = code;
    if (code !== 0) endWithoutHandles();
  });
process.once('beforeExit', () => {
  // Other listeners of this event, such as loadConfig's, may continue the command.
  setImmediate(() => process.once('beforeExit', onNothingLeft));
});

/** Ends the process although code of the config has left a timer or a connection open. */
function endWithoutHandles(): void {
  const end = () => {
    if (process.stdout.writableLength + process.stderr.writableLength === 0) process.exit();
  };
  setInterval(end, 1_000).unref();
}

/** The event loop is empty and the command has not finished. */
function onNothingLeft(): void {
  if (isDone) return;
  const error = new SqlmigError(
    'connection-lost',
    'the connection to the database closed without an error message',
    {
      state: 'what was committed is in the history',
      hint: 'run the command again',
    },
  );
  process.exitCode = fail(error);
}

/** Runs the command, and then, if it succeeded, the program after `--` in place of this process. */
async function main(argv: readonly string[]): Promise<number> {
  const end = argv.indexOf('--');
  const own = end === -1 ? argv : argv.slice(0, end);
  const invocation = (await quickly(own)) ?? (await answered(own)) ?? (await parsed(own));
  if (typeof invocation === 'number') return invocation;
  loadEnvFiles((invocation.args.envFile ?? []) as readonly string[]);
  if (end === -1) return execute(invocation, terminal);
  const program = argv.slice(end + 1);
  checkProgram(invocation, program);
  const code = await execute(invocation, terminal);
  if (code !== 0) return code;
  const interrupted = signalExitCode(terminal);
  if (interrupted !== null) return interrupted;
  for (const [signal, react] of Object.entries(onSignal)) process.removeListener(signal, react);
  // From here on the exit code is the program's.
  process.removeListener('exit', reportLostAnswer);
  const { handOver } = await import('./hand-over.ts');
  return handOver(program, terminal);
}

/** @throws SqlmigError `bad-usage` for a program after `--` that would not run, or would run on a stale schema. */
function checkProgram({ command, args }: Invocation, [program = '']: readonly string[]): void {
  if (command.takesProgram !== true || program === '') {
    const hint = 'for example: sqlmig up --all -- node server.js';
    throw usage('only up takes a program after --, and runs it on success', hint);
  }
  if (args.embedded === true) {
    const hint = 'set DATABASE_URL to a server that keeps running';
    throw usage('--embedded stops its server before the program after -- would start', hint);
  }
  if (args.rehearse !== true && args.dryRun !== true) return;
  const flag = args.rehearse === true ? '--rehearse' : '--dry-run';
  const hint = `run sqlmig up ${flag} by itself, then sqlmig up with the program and without ${flag}`;
  throw usage(`${flag} applies nothing, so no program is started after it`, hint);
}

/** Answers requests for help or the version; `null` for a command to run. */
async function answered(argv: readonly string[]): Promise<number | null> {
  const { aboutText } = await import('./about.ts');
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
  const text = await aboutText(argv, { version, columns: process.stdout.columns ?? 100 });
  if (text !== null) terminal.stdout(text);
  return text === null ? null : 0;
}

/** Reads the arguments with yargs; returns an exit code if yargs has answered them itself (completion). */
async function parsed(argv: readonly string[]): Promise<Invocation | number> {
  const { parse } = await import('./parse.ts');
  return (await parse(argv, terminal.stdout)) ?? 0;
}

/** Reports an error that no command reported, in the form that the arguments ask for, and returns its exit code. */
function fail(error: unknown): number {
  const end = process.argv.indexOf('--');
  const own = process.argv.slice(2, end === -1 ? undefined : end);
  const logsJson = own.some(
    (arg, i) => arg === '--log-format=json' || (arg === 'json' && own[i - 1] === '--log-format'),
  );
  const paint = logsJson ? null : createPaint(false);
  return reportError(
    defectOf(error),
    { json: own.includes('--json'), verbose: own.includes('--verbose'), paint, runId: null },
    terminal,
  );
}
