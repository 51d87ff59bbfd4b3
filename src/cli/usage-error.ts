import { SqlmigError } from '../errors.ts';
import { closest } from '../text/closest.ts';
import type { Command } from './command.ts';
import { globalOptions, usage } from './options.ts';
import { commands, commandsElsewhere, notInThisVersion } from './registry.ts';

/** The command line of a mistake, and its command if that is known. */
interface Place {
  readonly argv: readonly string[];
  readonly chosen: Command | null;
}

/** The error for what yargs throws; rethrows what is a defect. */
export function asUsageError(error: unknown, place: Place): SqlmigError {
  if (error instanceof SqlmigError) return error;
  if (error instanceof Error && error.name === 'YError') return explain(error.message, place);
  throw error;
}

/** The error for arguments that yargs refuses. An unknown command or flag comes with the one that is probably meant. */
export function explain(message: string, { argv, chosen }: Place): SqlmigError {
  const [, valueless] = /^Not enough arguments following: (.+)/.exec(message) ?? [];
  if (valueless !== undefined) return usage(`--${valueless} requires a value`);
  if (message.startsWith('Not enough non-option arguments') && chosen !== null) {
    const [example] = chosen.examples;
    return usage(
      `${chosen.name} requires ${chosen.pattern?.replace('..', '')}`,
      example && `for example: sqlmig ${example[0]}`,
    );
  }
  const [, flag, given, choices] = /Argument: (\S+), Given: (.*), Choices: (.*)/.exec(message) ?? [];
  if (flag !== undefined) return usage(`--${flag} takes ${choices?.replaceAll(', ', ' or ')}, not ${given}`);
  const [, unknown] = /^Unknown (?:argument|command)s?: ([^,]+)/.exec(message) ?? [];
  if (unknown === undefined) return usage(message);
  // yargs names a flag without its dashes.
  if (argv.includes(unknown))
    return chosen === null ? unknownCommand(unknown, argv) : extraArgument(unknown, chosen);
  const meant = closest(unknown.replace(/^-+/, ''), Object.keys({ ...globalOptions, ...chosen?.options }));
  const hint = meant === null ? undefined : `did you mean --${meant}?`;
  return usage(`unknown flag --${unknown.replace(/^-+/, '')}`, hint);
}

function unknownCommand(word: string, argv: readonly string[]): SqlmigError {
  const group = argv[argv.indexOf(word) - 1];
  const typed =
    group !== undefined && Object.keys(commands).some((name) => name.startsWith(`${group} `))
      ? `${group} ${word}`
      : word;
  if (Object.hasOwn(notInThisVersion, word))
    return usage(`unknown command: ${typed}`, notInThisVersion[word]);
  const elsewhere = Object.hasOwn(commandsElsewhere, typed) ? commandsElsewhere[typed] : undefined;
  const meant = elsewhere ?? closest(typed, Object.keys(commands));
  return usage(`unknown command: ${typed}`, meant === null ? undefined : `did you mean sqlmig ${meant}?`);
}

function extraArgument(word: string, { name, pattern }: Command): SqlmigError {
  const takes = pattern === undefined ? 'no arguments, only flags' : pattern;
  return usage(`unexpected argument: ${word}`, `sqlmig ${name} takes ${takes}`);
}
