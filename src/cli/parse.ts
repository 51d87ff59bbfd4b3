import yargs, { type Argv, type Options } from 'yargs';
import { groupBy } from '../report/table.ts';
import { type Command, type Invocation, type ParsedArgs, withHelp } from './command.ts';
import type { OptionSet } from './flag.ts';
import { globalOptions, kebabCase, usage } from './options.ts';
import { commands, groups } from './registry.ts';
import { asUsageError, explain } from './usage-error.ts';

/**
 * Reads any command line of a command with yargs. Returns `null` if yargs has printed a completion instead.
 * @throws SqlmigError `bad-usage`.
 */
export async function parse(
  argv: readonly string[],
  print: (text: string) => void,
): Promise<Invocation | null> {
  const all = await Promise.all(Object.values(commands).map((load) => load()));
  const seen: Seen = { argv, chosen: null, invocation: null };
  const parser = yargs([...argv])
    .scriptName('sqlmig')
    .options(forYargs(globalOptions))
    .version(false)
    .help(false)
    .strict()
    .demandCommand(1, 'no command given')
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? explain(message, seen);
    });
  for (const members of groupBy(all, ({ name }) => firstWord(name))) {
    const group = firstWord(members[0]?.name ?? '');
    const describe = groups[group];
    if (describe === undefined) declareAll(parser, members, seen);
    else {
      const which = members.map(({ name }) => `sqlmig ${name}`).join(' or ');
      parser.command(group, describe, (y) =>
        declareAll(y, members, seen)
          .demandCommand(1, `${group} is not a complete command; use ${which}`)
          .strict(),
      );
    }
  }
  parser.completion('completion', 'Print a shell completion script');
  try {
    await parser.parseAsync([...argv], {}, (_error, _args, text) => {
      if (text !== '') print(`${text.replace('on OSX.', 'on macOS.')}\n`);
    });
  } catch (error) {
    throw withHelp(asUsageError(error, seen), seen.chosen);
  }
  return seen.invocation;
}

/** A command line while yargs reads it. */
interface Seen {
  readonly argv: readonly string[];
  /** The command, as soon as it is known. */
  chosen: Command | null;
  invocation: Invocation | null;
}

function declareAll(to: Argv, members: readonly Command[], seen: Seen): Argv {
  for (const command of members) declare(to, command, seen);
  return to;
}

function declare(to: Argv, command: Command, seen: Seen): void {
  const { name, describe, pattern = '', positionals = {}, options } = command;
  const known = { ...globalOptions, ...options };
  const build = (y: Argv) => {
    seen.chosen = command;
    refuseOddSwitches(known, seen.argv);
    for (const [key, positional] of Object.entries(positionals)) y.positional(key, positional);
    return y.options(forYargs(options));
  };
  const handle = (args: ParsedArgs) => {
    refuseRepeated(known, args);
    seen.invocation = { command, args };
  };
  to.command(`${lastWord(name)} ${pattern}`.trim(), describe, build, handle);
}

/** Without `requiresArg`, yargs reads a flag whose value is missing as one with an empty value. */
function forYargs(options: OptionSet): Readonly<Record<string, Options>> {
  return Object.fromEntries(
    Object.entries(options).map(([flag, option]) => [
      flag,
      { ...option, requiresArg: option.type !== 'boolean' },
    ]),
  );
}

/** yargs takes `--rehearse=1` for `--rehearse=false`, and so would apply for real. @throws SqlmigError `bad-usage`. */
function refuseOddSwitches(options: OptionSet, argv: readonly string[]): void {
  for (const arg of argv) {
    const [, name = '', value] = /^--(?:no-)?([\w-]+)=(.*)$/s.exec(arg) ?? [];
    if (value === undefined || value === 'true' || value === 'false') continue;
    const flag = kebabCase(name);
    const named = Object.entries(options).find(([name, { alias }]) => name === flag || alias === flag);
    if (named?.[1].type === 'boolean') throw usage(`--${flag} takes true, false or no value at all`);
  }
}

/** yargs makes an array of a flag that is given twice. @throws SqlmigError `bad-usage`. */
function refuseRepeated(options: OptionSet, args: ParsedArgs): void {
  for (const [flag, { array }] of Object.entries(options))
    if (array !== true && Array.isArray(args[flag]))
      throw usage(`--${flag} is given more than once`, 'give it only once');
}

function firstWord(name: string): string {
  return name.split(' ')[0] ?? name;
}

function lastWord(name: string): string {
  return name.slice(name.lastIndexOf(' ') + 1);
}
