import type { ArgumentsCamelCase, InferredOptionTypes, PositionalOptions } from 'yargs';
import { SqlmigError, withHint } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import type { Failure } from '../report/error.ts';
import type { Annotation } from '../report/github.ts';
import type { Paint } from '../report/paint.ts';
import type { ErrorDetails } from '../results.ts';
import type { OptionSet } from './flag.ts';
import type { GlobalArgs } from './options.ts';
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
  /** The document of `--json`; `ok` is added if it has none. */
  readonly json: object;
  /** The answer for people, on stdout. */
  readonly text: (paint: Paint) => string;
  /** True if `text` is Markdown, so that the summary of a GitHub workflow renders it. */
  readonly isMarkdown?: boolean;
  /** What failed, shown on stderr. */
  readonly failures?: readonly Failure[];
  /** What a GitHub workflow shows beside lines of files, in addition to the failures. */
  readonly annotations?: () => readonly Annotation[];
  /** A closing note for people on stderr, unless `--quiet`. */
  readonly summary?: string;
}

/** The work of a command whose flags have been read. */
export type Work = (context: CommandContext) => Promise<Answer>;

/** A command: what help, completion and the reference show of it, and what it does. */
interface CommandDefinition<O extends OptionSet, P extends object> {
  /** As typed, such as `tenant create`. */
  readonly name: string;
  readonly describe: string;
  /** Positional arguments, such as `[schema] [migration]`. */
  readonly pattern?: string;
  readonly positionals?: Readonly<Record<string, PositionalOptions>>;
  /** Its own flags, in addition to the global ones. */
  readonly options: O;
  /** Arguments after `sqlmig`, each with an explanation. */
  readonly examples: readonly (readonly [args: string, what: string])[];
  /** False for a command that works without a database; a function if that depends on its flags. */
  readonly needsDatabase?: false | ((args: ParsedArgs) => boolean);
  /** True for a command whose own output names the database; a function if that depends on its flags. */
  readonly showsDatabase?: true | ((args: ParsedArgs) => boolean);
  /** What stdout gets instead of the answer if the command could not start; nothing by default. `--json` goes first. */
  readonly insteadOfAnswer?: (args: ParsedArgs, errors: readonly ErrorDetails[]) => string;
  /** True for a command that can be followed by `-- program`. */
  readonly takesProgram?: true;
  /** Reads the flags, before anything else happens, and returns the work. Throws `bad-usage`. */
  readonly prepare: (
    args: GlobalArgs & ArgumentsCamelCase<InferredOptionTypes<O>> & P,
    terminal: Terminal,
  ) => Work;
}

/** Arguments as a parser returns them: flags by their camelCase names. */
export type ParsedArgs = Readonly<Record<string, unknown>>;

/** A command, without the types of its own flags. */
export interface Command extends Omit<CommandDefinition<OptionSet, object>, 'prepare'> {
  readonly prepare: (args: ParsedArgs, terminal: Terminal) => Work;
}

/** A command with the arguments it was called with. */
export interface Invocation {
  readonly command: Command;
  readonly args: ParsedArgs;
}

/** Defines a command; `P` is the type of its positionals. A parser that follows the definition returns what `prepare` takes. */
export function defineCommand<P extends object = object>() {
  return <O extends OptionSet>(command: CommandDefinition<O, P>): Command => ({
    ...command,
    prepare: (args, terminal) => command.prepare(args as Parameters<typeof command.prepare>[0], terminal),
  });
}

/** How a command is called: its name, its positionals, and what may follow. */
export function usageOf({ name, pattern = '', takesProgram }: Command): string {
  return ['sqlmig', name, pattern, '[flags]', takesProgram ? '[-- program]' : '']
    .filter((part) => part !== '')
    .join(' ');
}

/** Adds a hint to a usage error that has none: the help of its command, which lists the flags and their values. */
export function withHelp(error: unknown, command: Command | null): unknown {
  const isUsage = error instanceof SqlmigError && error.code === 'bad-usage';
  if (!isUsage || error.details.hint !== undefined) return error;
  return withHint(error, `run sqlmig ${command === null ? '' : `${command.name} `}--help`);
}
