import yargs, { type Argv, type Options } from 'yargs';
import { groupBy } from '../report/table.ts';
import {
  type Command,
  type Invocation,
  type OptionSet,
  type ParsedArgs,
  usageOf,
  withHelp,
} from './command.ts';
import { camelCase, globalOptions, kebabCase, usage } from './options.ts';
import { commands, groups } from './registry.ts';
import { asUsageError, explain } from './usage-error.ts';

/**
 * Reads any command line with yargs. Returns `null` if yargs has answered it: help, version, completion.
 * @throws SqlmigError `bad-usage`.
 */
export async function parse(
  argv: readonly string[],
  { version, columns, print }: Screen,
): Promise<Invocation | null> {
  const all = await Promise.all(Object.values(commands).map((load) => load()));
  const seen: Seen = { argv, chosen: null, invocation: null };
  const parser = yargs([...argv])
    .scriptName('sqlmig')
    .usage('$0 <command> [flags]\n\nMigrates one shared PostgreSQL schema and all tenant schemas.')
    .options(withoutOff(globalOptions))
    .group([...Object.keys(globalOptions), 'help', 'version'], 'Global flags:')
    .version(version)
    .help()
    .strict()
    .demandCommand(1, 'no command given')
    .wrap(Math.min(columns - 1, 110))
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
      if (text !== '') print(`${spaced(text).replace('on OSX.', 'on macOS.')}\n`);
    });
  } catch (error) {
    throw withHelp(asUsageError(error, seen), seen.chosen);
  }
  return seen.invocation;
}

/** Help in which a space precedes each type; yargs puts none after a description that fills its column. */
function spaced(help: string): string {
  return help.replace(/(?<=\S)(?=\[(boolean|string|number|array|choices: .*)\])/g, ' ');
}

/** What yargs answers by itself, and how. */
interface Screen {
  readonly version: string;
  readonly columns: number;
  readonly print: (text: string) => void;
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
  const { name, describe, pattern = '', positionals = {}, options, examples } = command;
  const known = { ...globalOptions, ...options };
  const build = (y: Argv) => {
    seen.chosen = command;
    refuseOddSwitches(known, seen.argv);
    y.usage(`${usageOf(command)}\n\n${describe}`);
    for (const [key, positional] of Object.entries(positionals)) y.positional(key, positional);
    for (const [line, what] of examples) y.example(`$0 ${line}`, what);
    // A group of their own lists them before the global flags.
    return y.options(withoutOff(options)).group(Object.keys(options), 'Flags:');
  };
  const handle = (args: ParsedArgs) => {
    refuseRepeated(known, args);
    seen.invocation = { command, args: { ...offSwitches(known), ...args } };
  };
  to.command(`${lastWord(name)} ${pattern}`.trim(), describe, build, handle);
}

/** The options for yargs: without the default of a switch, which help would show as `[default: false]`. */
function withoutOff(options: OptionSet): Record<string, Options> {
  return Object.fromEntries(
    Object.entries(options).map(([flag, { default: value, ...option }]) => [
      flag,
      value === undefined || value === false ? option : { ...option, default: value },
    ]),
  );
}

/** The values of the switches that are off by default. */
function offSwitches(options: OptionSet): ParsedArgs {
  const off = Object.entries(options).filter(([, option]) => option.default === false);
  return Object.fromEntries(off.map(([flag]) => [camelCase(flag), false]));
}

/** yargs takes `--rehearse=1` for `--rehearse=false`, and so would apply for real. @throws SqlmigError `bad-usage`. */
function refuseOddSwitches(options: OptionSet, argv: readonly string[]): void {
  for (const arg of argv) {
    const [, name = '', value] = /^--(?:no-)?([\w-]+)=(.*)$/s.exec(arg) ?? [];
    if (value === undefined || value === 'true' || value === 'false') continue;
    const flag = kebabCase(name);
    if (Object.hasOwn(options, flag) && options[flag]?.type === 'boolean')
      throw usage(`--${flag} takes true, false or no value at all`);
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
