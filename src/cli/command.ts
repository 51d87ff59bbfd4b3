import type { ArgumentsCamelCase, InferredOptionTypes, Options, PositionalOptions } from 'yargs';
import type { GlobalArgs } from './options.ts';
import type { Terminal } from './terminal.ts';

/** Flags by name, as yargs describes them. */
export type OptionSet = Readonly<Record<string, Options>>;

/** A command: what help, completion and the reference say of it, and what it does. */
export interface CommandDefinition<O extends OptionSet, P extends object> {
  /** As typed, such as `tenant create`. */
  readonly name: string;
  readonly describe: string;
  /** Positional arguments, such as `[schema] [migration]`. */
  readonly pattern?: string;
  readonly positionals?: Readonly<Record<string, PositionalOptions>>;
  /** Its own flags, beside those of every command. */
  readonly options: O;
  /** Arguments after `sqlmig`, each with what they are for. */
  readonly examples: readonly (readonly [args: string, what: string])[];
  /** Does it, and gives the exit code. */
  readonly run: (
    args: GlobalArgs & ArgumentsCamelCase<InferredOptionTypes<O>> & P,
    terminal: Terminal,
  ) => Promise<number>;
}

/** Arguments as a parser gives them: flags by their names in camelCase. */
export type ParsedArgs = Readonly<Record<string, unknown>>;

/** A command whose own flags nobody needs to know. */
export interface Command extends Omit<CommandDefinition<OptionSet, object>, 'run'> {
  readonly run: (args: ParsedArgs, terminal: Terminal) => Promise<number>;
}

/** A command with the arguments it was called with. */
export interface Invocation {
  readonly command: Command;
  readonly args: ParsedArgs;
}

/** Defines a command; `P` is what its positionals give. A parser that follows the definition gives what `run` takes. */
export function defineCommand<P extends object = object>() {
  return <O extends OptionSet>(command: CommandDefinition<O, P>): Command => ({
    ...command,
    run: (args, terminal) => command.run(args as Parameters<typeof command.run>[0], terminal),
  });
}
