import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Terminal } from './terminal.ts';

// What is meant for the program that the user sees, whoever it is sent to.
const forwarded = [
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGCONT',
] as const;

/**
 * Runs a program in our place: same input and output, signals handed through, its exit code returned (128 plus the
 * signal where one ended it; 127 and 126 where it is not found or not executable, as shells do). Where Node can, as
 * process 1 of a container, this process becomes the program.
 */
export async function handOver(
  [program = '', ...args]: readonly string[],
  { env, cwd, stderr, replaceProcess, stdinIsTty }: Terminal,
): Promise<number> {
  replaceProcess?.(program, args);
  const child = spawn(program, args, { stdio: 'inherit', cwd, env });
  // In a terminal the child is in the same group, and gets what is typed by itself.
  const typed: readonly string[] = stdinIsTty ? ['SIGINT', 'SIGQUIT'] : [];
  const forwards = forwarded.map((signal) => {
    const forward = () => {
      if (!typed.includes(signal)) child.kill(signal);
    };
    process.on(signal, forward);
    return () => process.removeListener(signal, forward);
  });
  try {
    return await new Promise((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        stderr(`sqlmig: cannot run ${program}: ${error.message}\n`);
        resolve(error.code === 'ENOENT' ? 127 : 126);
      });
      child.once('exit', (code, signal) =>
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
      );
    });
  } finally {
    for (const stop of forwards) stop();
  }
}
