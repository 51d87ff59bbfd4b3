import type { Options } from 'yargs';

/** A flag in the form that yargs takes, with the word that stands for its value in help. */
export type Flag = Options &
  (
    | { readonly type: 'boolean' }
    | { readonly choices: readonly string[] }
    | { readonly type: 'string' | 'number'; readonly takes: string }
  );

/** Flags by name. */
export type OptionSet = Readonly<Record<string, Flag>>;
