import { wrap } from '../text/wrap.ts';
import { type Command, usageOf } from './command.ts';
import type { Flag, OptionSet } from './flag.ts';
import { globalOptions } from './options.ts';
import { groups } from './registry.ts';

/** A line of a list: a name and what it does. */
type Entry = readonly [left: string, right: string];

// Below this width, the second column would have one word per line.
const narrow = 72;
const widest = 110;

/** The help of sqlmig itself: every command, every global flag. */
export function overviewHelp(commands: readonly Command[], columns: number): string {
  const listed = new Map(
    commands.map((command): Entry => {
      const [group = ''] = command.name.split(' ');
      const about = groups[group];
      return about === undefined ? commandEntry(command) : [`sqlmig ${group}`, about];
    }),
  );
  listed.set('sqlmig completion', 'Print a shell completion script');
  return [
    'sqlmig <command> [flags]\n',
    paragraph('Migrates one shared PostgreSQL schema and all tenant schemas.', columns),
    list('Commands:', [...listed], columns),
    list('Global flags:', [...flagEntries(globalOptions), ...ownFlags], columns),
    paragraph('sqlmig help COMMAND explains a command and its flags.', columns),
  ].join('\n');
}

/** The help of a group of commands, such as `tenant`. */
export function groupHelp(group: string, commands: readonly Command[], columns: number): string {
  const members = commands.filter(({ name }) => name.startsWith(`${group} `));
  return [
    `sqlmig ${group} <command> [flags]\n`,
    `${groups[group]}.\n`,
    list('Commands:', members.map(commandEntry), columns),
    globalLine(columns),
  ].join('\n');
}

/** The help of a command: its arguments, its own flags and examples first, then the names of the global flags. */
export function commandHelp(command: Command, columns: number): string {
  const { describe, positionals = {}, options, examples } = command;
  const args = Object.entries(positionals).map(([key, { describe: what }]): Entry => [key, what ?? '']);
  const flags = flagEntries(options);
  return [
    paragraph(usageOf(command), columns),
    `${wrap(`${describe}.`, Math.min(columns, widest)).join('\n')}\n`,
    ...(args.length === 0 ? [] : [list('Arguments:', args, columns)]),
    ...(flags.length === 0 ? [] : [list('Flags:', flags, columns)]),
    list(
      'Examples:',
      examples.map(([line, what]) => [`sqlmig ${line}`, what]),
      columns,
    ),
    globalLine(columns),
  ].join('\n');
}

function commandEntry({ name, pattern, describe }: Command): Entry {
  return [`sqlmig ${name}${pattern === undefined ? '' : ` ${pattern}`}`, describe];
}

const ownFlags: readonly Entry[] = [
  ['-h, --help', 'Show help'],
  ['-v, --version', 'Show the version (after a command, -v is --verbose)'],
];

function globalLine(columns: number): string {
  const names = [...flagEntries(globalOptions), ...ownFlags].map(
    ([left]) => /--[\w-]+/.exec(left)?.[0] ?? left,
  );
  return paragraph(`Global flags, explained by sqlmig --help: ${names.join(' ')}`, columns);
}

function flagEntries(options: OptionSet): Entry[] {
  return Object.entries(options)
    .filter(([, { hidden }]) => hidden !== true)
    .map(([flag, option]) => {
      // A long alias is a former name.
      const short = option.alias?.length === 1 ? `-${option.alias}, ` : '';
      return [`${short}--${flag}${placeholderOf(option)}`, `${option.describe}${defaultOf(option)}`];
    });
}

/** What follows a flag: the word for its value, its choices, or nothing. */
function placeholderOf(flag: Flag): string {
  if ('takes' in flag) return ` ${flag.takes}`;
  return flag.choices === undefined ? '' : ` ${flag.choices.join('|')}`;
}

function defaultOf({ type, default: value }: Flag): string {
  return value === undefined || type === 'boolean' ? '' : ` [${value}]`;
}

function list(title: string, entries: readonly Entry[], columns: number): string {
  const width = Math.min(columns, widest);
  const left = Math.min(Math.max(...entries.map(([name]) => name.length)), Math.floor(width * 0.4));
  const isNarrow = width < narrow;
  const indent = ' '.repeat(isNarrow ? 6 : left + 4);
  const lines = entries.map(([name, what]) => {
    const [first = '', ...rest] = wrap(what, width - indent.length);
    if (!isNarrow && name.length <= left)
      return `  ${name.padEnd(left)}  ${[first, ...rest].join(`\n${indent}`)}\n`;
    return `  ${paragraph(name, width - 2)}${indent}${[first, ...rest].join(`\n${indent}`)}\n`;
  });
  return `${title}\n${lines.join('')}`;
}

/** A text in lines of a width, all but the first indented. */
function paragraph(text: string, columns: number): string {
  return `${wrap(text, Math.min(columns, widest) - 4).join('\n    ')}\n`;
}
