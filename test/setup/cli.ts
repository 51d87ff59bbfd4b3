import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { testTerminal } from './terminal.ts';

const require = createRequire(import.meta.url);
const commandLine = fileURLToPath(new URL('../../dist/command-line.cjs', import.meta.url));
const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** What npm run build:executable makes. */
export const executable = fileURLToPath(new URL('../../dist/executable/sqlmig', import.meta.url));

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts the built command line as a process of its own; npm run test:executable makes it the executable. */
export function start(args: readonly string[], cwd: string, env: Record<string, string> = {}): Running {
  const [program, ...first] =
    process.env.SQLMIG_TEST_EXECUTABLE === undefined ? [process.execPath, cli] : [executable];
  const child = spawn(program, [...first, ...args], {
    cwd,
    env: environment(cwd, env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { process: child, ended };
}

/** Runs the built command line to its end, as a process of its own. */
export function spawnSqlmig(
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<Ended> {
  return start(args, cwd, env).ended;
}

/**
 * Runs the built command line to its end in this process, for a tenth of what starting one costs. What is about the process
 * needs one: signals, streams, crashes, the program after `--`, modules of the config, variables that Node or libraries read.
 */
export async function sqlmig(
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<Ended> {
  if (process.env.SQLMIG_TEST_EXECUTABLE !== undefined) return spawnSqlmig(args, cwd, env);
  const { runCommandLine } = require(commandLine) as typeof import('../../src/cli/command-line.ts');
  const { terminal, stdout, stderr } = testTerminal(cwd, environment(cwd, env));
  const code = await runCommandLine(args, terminal, () => {
    throw new Error('a program takes the place of a process: use spawnSqlmig');
  });
  return { code, signal: null, stdout: stdout(), stderr: stderr() };
}

/** Nothing of our environment but PATH. */
function environment(cwd: string, env: Record<string, string>): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: cwd, ...env };
}
