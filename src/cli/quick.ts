import { parseArgs } from 'node:util';
import type { Command, Invocation } from './command.ts';
import type { Flag, OptionSet } from './flag.ts';
import { camelCase, globalOptions } from './options.ts';
import { commands } from './registry.ts';

/**
 * Reads a plain command line, such as a deploy uses, by the same definitions as `parse` but without loading yargs, which
 * takes as long as all the rest of a run with nothing to do. Returns `null` for everything else (help, required
 * positionals, mistakes, repeated flags), which `parse` reads; on a line that both accept, a test holds them equal.
 */
export async function quickly(argv: readonly string[]): Promise<Invocation | null> {
  const [name = '', ...rest] = argv;
  // A command of two words is two arguments, which only yargs reads.
  const isOneWord = Object.hasOwn(commands, name) && !name.includes(' ');
  const command = isOneWord ? await commands[name]?.() : undefined;
  if (command === undefined || needsPositional(command)) return null;
  const options: OptionSet = { ...globalOptions, ...command.options };
  const values = flagValues(rest, options);
  if (values === null) return null;
  const args: Record<string, unknown> = {};
  for (const [flag, option] of Object.entries(options)) {
    const given = namesOf(flag, option.alias).flatMap((name) => values[name] ?? []);
    const value = read(given.length === 0 ? undefined : given, option);
    if (value === null) return null;
    args[camelCase(flag)] = value;
  }
  return { command, args };
}

function needsPositional({ positionals = {} }: Command): boolean {
  return Object.values(positionals).some(({ demandOption }) => Boolean(demandOption));
}

/** The names by which a flag may be given, without its dashes; a short one is read with the first. */
function namesOf(flag: string, alias: Flag['alias']): string[] {
  return typeof alias === 'string' && alias.length > 1 ? [flag, alias] : [flag];
}

type FlagValues = Readonly<Record<string, readonly (string | boolean)[] | undefined>>;

function flagValues(rest: readonly string[], options: OptionSet): FlagValues | null {
  // A short flag and its value in one word (`-ux`) are read differently by both parsers.
  if (rest.some((arg) => /^-[^-]./.test(arg))) return null;
  const flags = Object.entries(options).map(([flag, { type, alias }]) => {
    const kind = type === 'boolean' ? 'boolean' : 'string';
    return namesOf(flag, alias).map((name) => {
      const short = alias?.length === 1 ? { short: String(alias) } : {};
      return [name, { type: kind, multiple: true, ...short }] as const;
    });
  });
  try {
    return parseArgs({ args: [...rest], options: Object.fromEntries(flags.flat()), strict: true })
      .values as FlagValues;
  } catch {
    return null;
  }
}

/** The value that yargs would return for a flag; `null` if only yargs can tell. */
function read(
  given: readonly (string | boolean)[] | undefined,
  { type, array, choices, ...option }: Flag,
): unknown {
  if (given === undefined) return option.default;
  if (array === true) return given;
  const [value] = given;
  if (given.length > 1 || value === '') return null;
  if (choices !== undefined && !choices.includes(String(value))) return null;
  if (type !== 'number') return value;
  return /^\d+$/.test(String(value)) ? Number(value) : null;
}
