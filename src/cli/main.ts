#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { SqlmigError } from '../errors.ts';
import { reportFailure, runCommandLine } from './command-line.ts';
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
  helpColumns: process.stdout.columns ?? 100,
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
void runCommandLine(process.argv.slice(2), terminal, become).then((code) => {
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

/** Runs a program in place of this process. */
async function become(program: readonly string[]): Promise<number> {
  for (const [signal, react] of Object.entries(onSignal)) process.removeListener(signal, react);
  // From here on the exit code is the program's.
  process.removeListener('exit', reportLostAnswer);
  const { handOver } = await import('./hand-over.ts');
  return handOver(program, terminal);
}

function fail(error: unknown): number {
  return reportFailure(error, process.argv.slice(2), terminal);
}
