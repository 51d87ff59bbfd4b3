import { createRequire } from 'node:module';
import { createPaint } from '../report/paint.ts';
import type { Invocation } from './command.ts';
import { defectOf } from './defect.ts';
import { loadEnvFiles } from './env-file.ts';
import { execute, reportError, signalExitCode } from './execute.ts';
import { usage } from './options.ts';
import { quickly } from './quick.ts';
import type { Terminal } from './terminal.ts';

/**
 * Runs a command line to its exit code: the command, and then, if it succeeded, the program after `--`, by `become`.
 * Never throws; an error that no command reported is reported here.
 */
export async function runCommandLine(
  argv: readonly string[],
  terminal: Terminal,
  become: (program: readonly string[]) => Promise<number>,
): Promise<number> {
  try {
    const own = beforeProgram(argv);
    const invocation =
      (await quickly(own)) ?? (await answered(own, terminal)) ?? (await parsed(own, terminal));
    if (typeof invocation === 'number') return invocation;
    loadEnvFiles((invocation.args.envFile ?? []) as readonly string[]);
    if (own.length === argv.length) return await execute(invocation, terminal);
    const program = argv.slice(own.length + 1);
    checkProgram(invocation, program);
    const code = await execute(invocation, terminal);
    if (code !== 0) return code;
    return signalExitCode(terminal) ?? (await become(program));
  } catch (error) {
    return reportFailure(error, argv, terminal);
  }
}

function beforeProgram(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
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
async function answered(argv: readonly string[], { stdout, helpColumns }: Terminal): Promise<number | null> {
  const { aboutText } = await import('./about.ts');
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
  const text = await aboutText(argv, { version, columns: helpColumns });
  if (text !== null) stdout(text);
  return text === null ? null : 0;
}

/** Reads the arguments with yargs; returns an exit code if yargs has answered them itself (completion). */
async function parsed(argv: readonly string[], { stdout }: Terminal): Promise<Invocation | number> {
  const { parse } = await import('./parse.ts');
  return (await parse(argv, stdout)) ?? 0;
}

/** Reports an error that no command reported, in the form that the arguments ask for, and returns its exit code. */
export function reportFailure(error: unknown, argv: readonly string[], terminal: Terminal): number {
  const own = beforeProgram(argv);
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
