import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorCode, exitCodes, SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { type Config, type ConfigSources, loadConfig, loadWithoutDatabases } from '../project/config.ts';
import { unknownVariables } from '../project/settings.ts';
import { formatVersion } from '../report/documents.ts';
import { errorPicture, errorPictures } from '../report/error.ts';
import { failureAnnotations } from '../report/github.ts';
import { createJsonLog, logLine } from '../report/json-log.ts';
import { colorsWanted, createPaint, type Paint } from '../report/paint.ts';
import { createProgress, createQuietProgress, type Progress } from '../report/progress.ts';
import { targetLines } from '../report/target-line.ts';
import type { DatabaseOutcome, DownResult, ErrorDetails, UpResult } from '../results.ts';
import { withoutLibpq } from '../server/connection-parameters.ts';
import { type Command, type Invocation, type ParsedArgs, type Work, withHelp } from './command.ts';
import { defectOf, stackOf } from './defect.ts';
import { annotate, summarize, summarizeMarkdown, withoutCommands } from './github.ts';
import { type GlobalArgs, nameList, overridesOf, usage } from './options.ts';
import type { Terminal } from './terminal.ts';

const signalExitCodes: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 };

/** Runs a command from flags to exit code: config, server, work, report. */
export async function execute({ command, args: parsed }: Invocation, outside: Terminal): Promise<number> {
  // Each parser adds the global flags to those of the command.
  const args = parsed as ParsedArgs & GlobalArgs;
  const terminal = withoutCommands(outside, args.json);
  const stderrPaint = createPaint(hasColors(args, terminal, terminal.stderrIsTty));
  const stdoutPaint = createPaint(hasColors(args, terminal, terminal.stdoutIsTty));
  const progress = progressOf(args, terminal, stderrPaint);
  let runId: string | null = null;
  try {
    const work = prepared(command, args, terminal);
    for (const message of unknownVariables(terminal.env)) progress.onEvent({ type: 'warning', message });
    const { signal } = terminal;
    const onEvent: OnEvent = (event) => {
      if (event.type === 'run-started') runId = event.runId;
      progress.onEvent(event);
    };
    const { needsDatabase = true, showsDatabase = false } = command;
    const connects = typeof needsDatabase === 'function' ? needsDatabase(args) : needsDatabase;
    const shows = typeof showsDatabase === 'function' ? showsDatabase(args) : showsDatabase;
    const inContext = (config: Config) => {
      if (connects && !shows && isForPeople(args)) terminal.stderr(targetLines(config));
      return work({ config, signal, onEvent });
    };
    const onWarning = (message: string) => onEvent({ type: 'warning', message });
    const loadContext: LoadContext = { args, terminal, onWarning };
    const answer = await (connects ? withDatabase : withoutDatabase)(loadContext, inContext);
    progress.end();
    terminal.stdout(
      args.json
        ? document({ ok: answer.exitCode === 0, version: formatVersion, ...answer.json })
        : answer.text(stdoutPaint),
    );
    const { failures = [], annotations = () => [], summary = '', isMarkdown = false } = answer;
    progress.failed(failures);
    if (args.logFormat === 'text')
      annotate(() => [...failureAnnotations(failures), ...annotations()], outside);
    const plain = createPaint(false);
    if (isMarkdown) summarizeMarkdown(() => answer.text(plain), terminal);
    else summarize(() => `${answer.text(plain)}${errorPictures(failures, plain)}${summary}`, terminal);
    if (args.logFormat === 'text' && !args.quiet) terminal.stderr(summary);
    // If the work was done before the signal arrived, it has not failed.
    return answer.exitCode === 0 ? 0 : (signalExitCode(terminal) ?? answer.exitCode);
  } catch (error) {
    progress.end();
    const paint = args.logFormat === 'json' ? null : stderrPaint;
    const defect = defectOf(error);
    const exitCode = reportError(defect, { ...args, paint, runId }, terminal);
    const errors = defect.all.map(({ details }) => details);
    if (!args.json) terminal.stdout(command.insteadOfAnswer?.(args, errors) ?? '');
    const failures = errors.map((details) => ({ error: details }));
    if (paint !== null) annotate(() => failureAnnotations(failures), outside);
    summarize(() => errorPictures(failures, createPaint(false)), terminal);
    return signalExitCode(terminal) ?? exitCode;
  }
}

/** Whether to print notes about what happens, in addition to the answer. */
function isForPeople({ json, quiet, logFormat }: GlobalArgs): boolean {
  return !json && !quiet && logFormat === 'text';
}

/** Reads the flags of a command. @throws SqlmigError `bad-usage` with a hint. */
function prepared(command: Command, args: ParsedArgs, terminal: Terminal): Work {
  try {
    return command.prepare(args, terminal);
  } catch (error) {
    throw withHelp(error, command);
  }
}

/** How an error is reported: `paint` is `null` for lines of JSON; `verbose` adds the stack of a defect. */
interface ErrorForm {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly paint: Paint | null;
  /** The run that failed; `null` if none had started. */
  readonly runId: string | null;
}

/** Reports an error that kept a command from starting, and returns its exit code. */
export function reportError(
  error: SqlmigError,
  { json, verbose, paint, runId }: ErrorForm,
  terminal: Pick<Terminal, 'stdout' | 'stderr'>,
): number {
  const all = error.all.map(({ details }) => details);
  const stack = verbose ? stackOf(error) : [];
  if (json)
    terminal.stdout(document({ ok: false, version: formatVersion, error: error.details, errors: all }));
  if (paint === null) {
    for (const details of all)
      terminal.stderr(
        logLine('error', runId, { type: 'error', ...details, ...(stack.length > 0 && { stack }) }),
      );
    return exitCodes[error.code];
  }
  terminal.stderr(all.map((details) => errorPicture(details, paint)).join('\n'));
  terminal.stderr(stack.map((line) => `${line}\n`).join(''));
  if (all.length > 1) terminal.stderr(`\n${all.length} mistakes; nothing was run\n`);
  return exitCodes[error.code];
}

/** The exit code for errors: theirs if all have the same one (4 if all gave up waiting for a lock), else 1. */
export function exitCodeOf(errors: readonly (ErrorDetails | undefined)[]): number {
  const codes = new Set(errors.map((error) => exitCodes[(error?.code ?? 'migration-failed') as ErrorCode]));
  const [only = 1] = codes;
  return codes.size === 1 ? only : 1;
}

/** The exit code for errors in schemas: never 2, since mistakes in files or config are found before any schema is touched. */
export function exitCodeOfSchemas(errors: readonly (ErrorDetails | undefined)[]): number {
  const code = exitCodeOf(errors);
  return code === 2 ? 1 : code;
}

/** The exit code for work on one schema: by its error, if it has one; otherwise 1 unless it is `ok`. */
export function exitCodeOfSchema(ok: boolean, error: ErrorDetails | undefined): number {
  if (error !== undefined) return exitCodeOfSchemas([error]);
  return ok ? 0 : 1;
}

/** The exit code for a run that migrates schemas, by the errors of the schemas and the error that stopped the run. */
export function exitCodeOfRun(result: UpResult | DownResult): number {
  const { ok, schemas, error, databases } = result;
  if (ok) return 0;
  if (databases !== undefined) return exitCodeOfDatabases(result, databases);
  const errors = schemas.flatMap((schema) => (schema.state === 'failed' ? [schema.error] : []));
  return error === undefined ? exitCodeOfSchemas(errors) : exitCodeOf([...errors, error]);
}

/** The exit code for a run in several databases: the code that all failed ones share, otherwise 1. */
function exitCodeOfDatabases(
  { schemas }: UpResult | DownResult,
  databases: readonly DatabaseOutcome[],
): number {
  const codes = databases
    .filter(({ ok }) => !ok)
    .map(({ database, error }) => {
      const failed = schemas.filter((schema) => schema.database === database && schema.state === 'failed');
      const code = exitCodeOfSchemas([...failed.map((schema) => schema.error), ...(error ? [error] : [])]);
      return code === 3 ? 1 : code;
    });
  const [first = 1] = codes;
  return codes.every((code) => code === first) ? first : 1;
}

/** Asks in a terminal. @throws SqlmigError `bad-usage` without a terminal. */
export function confirms(terminal: Terminal, question: string): Promise<boolean> {
  if (terminal.ask === null) {
    terminal.stderr(question.slice(0, question.lastIndexOf('\n') + 1));
    throw usage('confirmation is required, but there is no terminal', 'confirm with --yes');
  }
  return terminal.ask(`${question} [y/N] `);
}

/** The command that a config is loaded for. */
interface LoadContext {
  readonly args: GlobalArgs;
  readonly terminal: Terminal;
  readonly onWarning: (message: string) => void;
}

/** Reads the config for a command that needs no database: the variables that name one must not be able to break it. */
async function withoutDatabase<T>(loadContext: LoadContext, use: (config: Config) => Promise<T>): Promise<T> {
  const { signal } = loadContext.terminal;
  const url = loadContext.args.url ?? 'postgres:';
  return use(await until(signal, loadWithoutDatabases(sourcesOf(loadContext, url))));
}

/** The sources of a config whose one database is at this URL, whatever the variables name. */
function sourcesOf({ args, terminal: { cwd, env }, onWarning }: LoadContext, url: string): ConfigSources {
  const overrides = { ...overridesOf(args), url, ...(args.embedded && { directUrl: url }) };
  const databases = nameList(args.database ?? []);
  return { cwd, env: withoutLibpq(env), file: args.config, databases, overrides, onWarning };
}

/** Loads a config, whose own code may take any time. @throws SqlmigError `interrupted`, and as `loadConfig` does. */
export function loadUntil(signal: AbortSignal, sources: ConfigSources): Promise<Config> {
  return until(signal, loadConfig(sources));
}

function until(signal: AbortSignal, loading: Promise<Config>): Promise<Config> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () =>
      reject(
        new SqlmigError('interrupted', 'interrupted while the config was loading', { hint: 'run it again' }),
      );
    signal.addEventListener('abort', onAbort, { once: true });
  });
  return Promise.race([loading, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}

async function withDatabase<T>(loadContext: LoadContext, use: (config: Config) => Promise<T>): Promise<T> {
  const { args, terminal, onWarning } = loadContext;
  const { cwd, env, signal } = terminal;
  const { embedded, url, config: file } = args;
  const overrides = overridesOf(args);
  const databases = nameList(args.database ?? []);
  if (!embedded) return use(await loadUntil(signal, { cwd, env, file, databases, overrides, onWarning }));
  if (url !== undefined)
    throw usage('--embedded and --url cannot be combined', 'give only one of --embedded and --url');
  // Mistakes in the config are reported before a server is started.
  await loadUntil(signal, sourcesOf({ ...loadContext, onWarning: () => {} }, 'postgres:'));
  if (!existsSync(join(cwd, '.sqlmig')) && !args.quiet && args.logFormat === 'text')
    terminal.stderr(
      'first start of --embedded: creating a PostgreSQL server in .sqlmig/, which takes a few seconds\n',
    );
  const { attachEmbedded } = await import('../embedded/attach.ts');
  const server = await attachEmbedded(cwd);
  if (args.verbose && args.logFormat === 'text') {
    const state = server.started ? 'started' : 'already running';
    terminal.stderr(`embedded PostgreSQL ${state}; data directory: ${server.dir}\n`);
  }
  try {
    return await use(await loadUntil(signal, sourcesOf(loadContext, server.url)));
  } finally {
    await server.release();
  }
}

function progressOf(
  args: GlobalArgs,
  { stderr: write, stderrIsTty, columns, env }: Terminal,
  paint: Paint,
): Progress {
  if (args.logFormat === 'json')
    return createJsonLog(write, args.quiet ? 'errors' : args.verbose ? 'all' : 'usual');
  if (args.quiet) return createQuietProgress({ write, paint });
  return createProgress({
    write,
    // A dumb terminal cannot erase the line that is drawn over.
    live: stderrIsTty && env.TERM !== 'dumb',
    columns,
    verbose: args.verbose,
    paint,
    now: () => performance.now(),
  });
}

function hasColors({ color }: GlobalArgs, { env }: Terminal, isTty: boolean): boolean {
  return color ?? colorsWanted(env, isTty);
}

/** The exit code for the signal that was received; `null` if there was none. */
export function signalExitCode({ signal }: Terminal): number | null {
  return signal.aborted ? (signalExitCodes[String(signal.reason)] ?? 130) : null;
}

/** A document of `--json`. */
export function document(value: { readonly ok: boolean; readonly [key: string]: unknown }): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
