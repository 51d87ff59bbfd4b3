import yargs, { type Argv } from 'yargs';
import { SqlmigError } from '../errors.ts';
import { groupBy } from '../report/table.ts';
import { closest } from '../text/closest.ts';
import type { Command, Invocation, OptionSet, ParsedArgs } from './command.ts';
import { globalOptions, usage } from './options.ts';
import { commands, groups } from './registry.ts';

/**
 * Reads any command line with yargs. Gives `null` where it has answered itself: help, version, completion.
 * @throws SqlmigError `bad-usage`.
 */
export async function parse(
  argv: readonly string[],
  { version, columns }: { readonly version: string; readonly columns: number },
): Promise<Invocation | null> {
  let invocation: Invocation | null = null;
  const all = await Promise.all(Object.values(commands).map((load) => load()));
  refuseOddSwitches(argv, all);
  let chosen: Command | null = null;
  const parser = yargs([...argv])
    .scriptName('sqlmig')
    .usage('$0 <command>\n\nBrings one shared PostgreSQL schema and all tenant schemas up to date.')
    .options(globalOptions)
    .group([...Object.keys(globalOptions), 'help', 'version'], 'For every command:')
    .version(version)
    .help()
    .strict()
    .recommendCommands()
    .demandCommand(1, 'a command is missing')
    .wrap(Math.min(columns, 110))
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? explain(message, chosen);
    });
  const add = (to: Argv, members: readonly Command[]) => {
    for (const command of members) {
      const choose = () => {
        chosen = command;
      };
      declare(to, command, choose, (args) => {
        invocation = { command, args };
      });
    }
    return to;
  };
  for (const members of groupBy(all, ({ name }) => firstWord(name))) {
    const group = firstWord(members[0]?.name ?? '');
    const describe = groups[group];
    if (describe === undefined) add(parser, members);
    else {
      const which = members.map(({ name }) => lastWord(name)).join(' or ');
      const missing = `${group} needs to know what: ${which}`;
      parser.command(group, describe, (y) => add(y, members).demandCommand(1, missing).strict());
    }
  }
  parser.completion('completion', 'Print a script that completes commands and flags in your shell');
  try {
    await parser.parseAsync();
  } catch (error) {
    throw asUsage(error, chosen);
  }
  return invocation;
}

function declare(to: Argv, command: Command, choose: () => void, handler: (args: ParsedArgs) => void): void {
  const { pattern = '', positionals = {} } = command;
  to.command(
    `${lastWord(command.name)} ${pattern}`.trim(),
    command.describe,
    (y) => {
      choose();
      for (const [name, positional] of Object.entries(positionals)) y.positional(name, positional);
      for (const [line, what] of command.examples) y.example(`$0 ${line}`, what);
      return y.options(command.options);
    },
    handler,
  );
}

/** yargs takes `--rehearse=1` for `--rehearse=false`, and so would apply for real. @throws SqlmigError `bad-usage`. */
function refuseOddSwitches(argv: readonly string[], all: readonly Command[]): void {
  for (const arg of argv) {
    const [, flag = '', value] = /^--(?:no-)?([\w-]+)=(.*)$/s.exec(arg) ?? [];
    if (value === undefined || value === 'true' || value === 'false') continue;
    const isSwitch = [globalOptions, ...all.map(({ options }) => options)].some(
      (options: OptionSet) => Object.hasOwn(options, flag) && options[flag]?.type === 'boolean',
    );
    if (isSwitch) throw usage(`--${flag} takes true, false or no value at all`);
  }
}

function firstWord(name: string): string {
  return name.split(' ')[0] ?? name;
}

function lastWord(name: string): string {
  return name.slice(name.lastIndexOf(' ') + 1);
}

/** What yargs says is wrong with the arguments, as an error of ours; throws what is a defect. */
function asUsage(error: unknown, chosen: Command | null): SqlmigError {
  if (error instanceof SqlmigError) return error;
  if (error instanceof Error && error.name === 'YError') return explain(error.message, chosen);
  throw error;
}

/** The error for arguments that yargs refuses, in our words; an unknown flag comes with the one that was meant. */
function explain(message: string, chosen: Command | null): SqlmigError {
  const [, valueless] = /^Not enough arguments following: (.+)/.exec(message) ?? [];
  if (valueless !== undefined) return usage(`--${valueless} needs a value`);
  if (message.startsWith('Not enough non-option arguments') && chosen !== null) {
    const [example] = chosen.examples;
    return usage(`${chosen.name} needs ${chosen.pattern}`, example && `such as: sqlmig ${example[0]}`);
  }
  const [, flag, given, choices] = /Argument: (\S+), Given: (.*), Choices: (.*)/.exec(message) ?? [];
  if (flag !== undefined) return usage(`--${flag} takes ${choices?.replaceAll(', ', ' or ')}, not ${given}`);
  const flags = Object.keys({ ...globalOptions, ...chosen?.options });
  const [, unknown] = /^Unknown arguments?: ([^,]+)/.exec(message) ?? [];
  const meant = unknown === undefined ? null : closest(unknown.replace(/^-+/, ''), flags);
  return usage(message, meant === null ? undefined : `did you mean --${meant}?`);
}
