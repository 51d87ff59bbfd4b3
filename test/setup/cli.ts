import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

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

/**
 * Starts the built command line with nothing of our environment but PATH; npm run test:executable makes it the executable.
 */
export function start(args: readonly string[], cwd: string, env: Record<string, string> = {}): Running {
  const [program, ...first] =
    process.env.SQLMIG_TEST_EXECUTABLE === undefined ? [process.execPath, cli] : [executable];
  const child = spawn(program, [...first, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd, ...env },
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

/** Runs the built command line to its end. */
export function sqlmig(
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<Ended> {
  return start(args, cwd, env).ended;
}
