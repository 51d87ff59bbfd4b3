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
  if (valueless !== undefined) return usage(`${dashed(valueless)} requires a value`);
  if (message.startsWith('Not enough non-option arguments') && chosen !== null) {
    const [example] = chosen.examples;
    return usage(
      `${chosen.name} requires ${chosen.pattern?.replace('..', '')}`,
      example && `for example: sqlmig ${example[0]}`,
    );
  }
  const [, flag, given, choices] = /Argument: (\S+), Given: (.*), Choices: (.*)/.exec(message) ?? [];
  if (flag !== undefined) return usage(`--${flag} takes ${choices?.replaceAll(', ', ' or ')}, not ${given}`);
  const [, list] = /^Unknown (?:argument|command)s?: (.+)/s.exec(message) ?? [];
  if (list === undefined) return usage(message);
  const all = list.split(', ');
  // yargs names a flag without its dashes. Without a command, its flags are unknown as well.
  const word = all.find((name) => argv.includes(name) && (chosen === null || name === all[0]));
  if (word !== undefined) return chosen === null ? unknownCommand(word, argv) : extraArgument(word, chosen);
  const unknown = all[0] ?? '';
  const meant = closest(unknown.replace(/^-+/, ''), Object.keys({ ...globalOptions, ...chosen?.options }));
  const hint = meant === null ? undefined : `did you mean --${meant}?`;
  return usage(`unknown flag ${dashed(unknown)}`, hint);
}

/** A flag as typed on the command line. */
function dashed(flag: string): string {
  const name = flag.replace(/^-+/, '');
  return `${name.length === 1 ? '-' : '--'}${name}`;
}

/** The error for an unknown command, with a suggestion. */
export function unknownCommand(word: string, argv: readonly string[]): SqlmigError {
  const group = argv[argv.indexOf(word) - 1];
  const typed =
    group !== undefined && Object.keys(commands).some((name) => name.startsWith(`${group} `))
      ? `${group} ${word}`
      : word;
  if (Object.hasOwn(notInThisVersion, word))
    return usage(`unknown command: ${typed}`, notInThisVersion[word]);
  const elsewhere = Object.hasOwn(commandsElsewhere, typed) ? commandsElsewhere[typed] : undefined;
  const meant = elsewhere ?? closest(typed, Object.keys(commands));
  return usage(
    `unknown command: ${typed}`,
    meant === null ? 'run sqlmig --help' : `did you mean sqlmig ${meant}?`,
  );
}

function extraArgument(word: string, { name, pattern }: Command): SqlmigError {
  const takes = pattern === undefined ? 'no arguments, only flags' : pattern;
  return usage(`unexpected argument: ${word}`, `sqlmig ${name} takes ${takes}`);
}
