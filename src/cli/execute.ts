import { type ErrorCode, exitCodes, SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { type Config, loadConfig } from '../project/config.ts';
import { type Overrides, unknownVariables } from '../project/settings.ts';
import { errorPicture, type Failure } from '../report/error.ts';
import { createPaint, type Paint } from '../report/paint.ts';
import { createJsonLog, createProgress, createQuietProgress, type Progress } from '../report/progress.ts';
import type { ErrorDetails } from '../results.ts';
import { withoutLibpq } from '../server/connection-parameters.ts';
import { defectOf, stackOf } from './defect.ts';
import { type GlobalArgs, overridesOf, usage } from './options.ts';
import type { Terminal } from './terminal.ts';

/** What a command works with. */
export interface CommandContext {
  readonly config: Config;
  readonly signal: AbortSignal;
  readonly onEvent: OnEvent;
}

/** What a command answers. */
export interface Answer {
  readonly exitCode: number;
  /** The document of `--json`; `ok` is added where it has none. */
  readonly json: object;
  /** The answer for people, on stdout. */
  readonly text: (paint: Paint) => string;
  /** What went wrong, told on stderr. */
  readonly failures?: readonly Failure[];
  /** What people are told beside it on stderr, unless `--quiet`. */
  readonly summary?: string;
}

/** A command's own work: reads its flags at once, before anything else happens, and gives what is to be done. */
export type Work = () => (context: CommandContext) => Promise<Answer>;

const signalExitCodes: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 };

/** Runs a command from flags to exit code: config, server, work, report. */
export async function execute(
  args: GlobalArgs,
  terminal: Terminal,
  work: Work,
  needsDatabase = true,
): Promise<number> {
  const stderrPaint = createPaint(coloursWanted(args, terminal, terminal.stderrIsTty));
  const stdoutPaint = createPaint(coloursWanted(args, terminal, terminal.stdoutIsTty));
  const progress = progressOf(args, terminal, stderrPaint);
  try {
    const answering = work();
    for (const message of unknownVariables(terminal.env)) progress.onEvent({ type: 'warning', message });
    const answer = await withConfig(args, terminal, needsDatabase, (config) =>
      answering({ config, signal: terminal.signal, onEvent: progress.onEvent }),
    );
    progress.end();
    terminal.stdout(
      args.json ? document({ ok: answer.exitCode === 0, ...answer.json }) : answer.text(stdoutPaint),
    );
    progress.failed(answer.failures ?? []);
    if (args.logFormat === 'text' && !args.quiet) terminal.stderr(answer.summary ?? '');
    return signalExitCode(terminal) ?? answer.exitCode;
  } catch (error) {
    progress.end();
    const paint = args.logFormat === 'json' ? null : stderrPaint;
    const exitCode = reportError(defectOf(error), { ...args, paint }, terminal);
    return signalExitCode(terminal) ?? exitCode;
  }
}

/** How an error is reported: `paint` is `null` for lines of JSON; `verbose` adds the stack of a defect. */
export interface ErrorForm {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly paint: Paint | null;
}

/** Tells an error with which a command could not begin, and gives its exit code. */
export function reportError(
  error: SqlmigError,
  { json, verbose, paint }: ErrorForm,
  terminal: Pick<Terminal, 'stdout' | 'stderr'>,
): number {
  const all = error.all.map((one) => one.details);
  const stack = verbose ? stackOf(error) : [];
  if (json) terminal.stdout(document({ ok: false, error: error.details, errors: all }));
  if (paint === null) {
    for (const details of all)
      terminal.stderr(
        `${JSON.stringify({ time: new Date().toISOString(), type: 'error', ...details, ...(stack.length > 0 && { stack }) })}\n`,
      );
    return exitCodes[error.code];
  }
  terminal.stderr(all.map((details) => errorPicture(details, paint)).join('\n'));
  terminal.stderr(stack.map((line) => `${line}\n`).join(''));
  if (all.length > 1) terminal.stderr(`\n${all.length} mistakes; nothing was run\n`);
  return exitCodes[error.code];
}

/** The exit code of what went wrong: that of the errors where all have the same (4: all gave up waiting), else 1. */
export function exitCodeOf(errors: readonly (ErrorDetails | undefined)[]): number {
  const codes = new Set(errors.map((error) => exitCodes[(error?.code ?? 'migration-failed') as ErrorCode]));
  const [only = 1] = codes;
  return codes.size === 1 ? only : 1;
}

/** The exit code of what went wrong in schemas: never that of a mistake in files or config, which is known before. */
export function exitCodeOfSchemas(errors: readonly (ErrorDetails | undefined)[]): number {
  const code = exitCodeOf(errors);
  return code === 2 ? 1 : code;
}

/** Asks in a terminal. @throws SqlmigError `needs-yes` where there is nobody to ask. */
export function agreed(terminal: Terminal, question: string): Promise<boolean> {
  if (terminal.ask === null) {
    terminal.stderr(question.slice(0, question.lastIndexOf('\n') + 1));
    throw usage('there is no terminal to ask in', 'give --yes to go on');
  }
  return terminal.ask(`${question} [y/N] `);
}

async function withConfig<T>(
  args: GlobalArgs,
  { cwd, env, stderr }: Terminal,
  needsDatabase: boolean,
  use: (config: Config) => Promise<T>,
): Promise<T> {
  // What is not about the database of the variables must not depend on them either.
  const placeless = (overrides: Overrides) =>
    loadConfig({ cwd, env: withoutLibpq(env), file: args.config, overrides });
  if (!needsDatabase) return use(await placeless({ url: 'postgres:', ...overridesOf(args) }));
  if (!args.embedded) {
    return use(await loadConfig({ cwd, env, file: args.config, overrides: overridesOf(args) }));
  }
  if (args.url !== undefined) {
    throw new SqlmigError('bad-usage', '--embedded and --url are two databases; give one', {
      hint: 'drop one of them',
    });
  }
  // Mistakes of the config come before any server is started.
  await placeless({ ...overridesOf(args), url: 'postgres:' });
  const { attachEmbedded } = await import('../embedded/attach.ts');
  const server = await attachEmbedded(cwd);
  if (args.verbose)
    stderr(
      `embedded PostgreSQL ${server.started ? 'started' : 'was running'}; its data is in ${server.dir}\n`,
    );
  try {
    return await use(await placeless({ ...overridesOf(args), url: server.url, directUrl: server.url }));
  } finally {
    await server.release();
  }
}

function progressOf(args: GlobalArgs, { stderr: write, stderrIsTty }: Terminal, paint: Paint): Progress {
  if (args.logFormat === 'json')
    return createJsonLog(write, args.quiet ? 'errors' : args.verbose ? 'all' : 'usual');
  if (args.quiet) return createQuietProgress({ write, paint });
  return createProgress({
    write,
    live: stderrIsTty,
    verbose: args.verbose,
    paint,
    now: () => performance.now(),
  });
}

function coloursWanted({ color }: GlobalArgs, { env }: Terminal, isTty: boolean): boolean {
  return color ?? (isTty && !env.NO_COLOR && env.TERM !== 'dumb');
}

function signalExitCode({ signal }: Terminal): number | null {
  return signal.aborted ? (signalExitCodes[String(signal.reason)] ?? 130) : null;
}

/** A document of `--json`. */
export function document(value: { readonly ok: boolean; readonly [key: string]: unknown }): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
