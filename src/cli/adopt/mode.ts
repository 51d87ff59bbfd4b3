import type { ArgumentsCamelCase, InferredOptionTypes } from 'yargs';
import type { ParsedArgs, Work } from '../command.ts';
import type { OptionSet } from '../flag.ts';
import type { Terminal } from '../terminal.ts';

/** What `sqlmig adopt` does if one of its flags is given. */
export interface AdoptMode {
  /** The flag that chooses it; `null` for what `adopt` does without any. */
  readonly flag: string | null;
  /** The flags that it takes, including the one that chooses it. */
  readonly options: OptionSet;
  /** False if it works without a database. */
  readonly needsDatabase?: false;
  /** True if its report begins with a line that names the database. */
  readonly showsDatabase?: true;
  readonly examples: readonly (readonly [args: string, what: string])[];
  /** Reads the flags and returns the work. Throws `bad-usage`. */
  readonly prepare: (args: ParsedArgs, terminal: Terminal) => Work;
}

interface TypedMode<O extends OptionSet> extends Omit<AdoptMode, 'prepare'> {
  readonly options: O;
  readonly prepare: (args: ArgumentsCamelCase<InferredOptionTypes<O>>, terminal: Terminal) => Work;
}

/** Defines a mode of `sqlmig adopt`. */
export function defineMode<O extends OptionSet>(mode: TypedMode<O>): AdoptMode {
  return {
    ...mode,
    prepare: (args, terminal) => mode.prepare(args as Parameters<typeof mode.prepare>[0], terminal),
  };
}
