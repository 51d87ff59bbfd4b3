import type { Command } from './command.ts';
import { document } from './execute.ts';
import { commandHelp, groupHelp, overviewHelp } from './help.ts';
import { commands, groups } from './registry.ts';
import { unknownCommand } from './usage-error.ts';

/** The facts that help and version depend on. */
interface About {
  readonly version: string;
  /** The width of the terminal. */
  readonly columns: number;
}

/**
 * The text that answers a question about sqlmig itself: help, version, or help because nothing was asked. `null` for a
 * command to run. @throws SqlmigError `bad-usage` for help about a command that does not exist.
 */
export async function aboutText(
  argv: readonly string[],
  { version, columns }: About,
): Promise<string | null> {
  const [first, ...rest] = argv;
  if (first?.startsWith('--get-yargs')) return null;
  const asksVersion =
    first === 'version' || argv.includes('--version') || (isBare(argv) && argv.includes('-v'));
  if (asksVersion) return argv.includes('--json') ? document({ ok: true, version }) : `${version}\n`;
  if (first === undefined) return helpOf([], columns);
  if (first === 'help') return helpOf(rest.filter(isWord), columns);
  if (!argv.includes('--help') && !argv.includes('-h')) return null;
  // Without a command, a word is the value of a flag.
  return helpOf(isWord(first) || !isBare(argv) ? namedIn(argv) : [], columns);
}

/** Without the name of a command. */
function isBare(argv: readonly string[]): boolean {
  return !argv.some(isNamed);
}

function isWord(arg: string): boolean {
  return !arg.startsWith('-');
}

function isNamed(word: string): boolean {
  return Object.hasOwn(commands, word) || Object.hasOwn(groups, word) || word === 'completion';
}

/** The words from the name of the command on. */
function namedIn(argv: readonly string[]): string[] {
  const words = argv.filter(isWord);
  return words.slice(Math.max(0, words.findIndex(isNamed)));
}

async function helpOf(words: readonly string[], columns: number): Promise<string> {
  const [word, second] = words;
  const all = () => Promise.all(Object.values(commands).map((load) => load()));
  if (word === undefined || word === 'completion') return overviewHelp(await all(), columns);
  const command = await (commandNamed(`${word} ${second}`) ?? commandNamed(word));
  if (command !== undefined) return commandHelp(command, columns);
  if (Object.hasOwn(groups, word) && second === undefined) return groupHelp(word, await all(), columns);
  throw unknownCommand(second !== undefined && Object.hasOwn(groups, word) ? second : word, words);
}

function commandNamed(name: string): Promise<Command> | undefined {
  return Object.hasOwn(commands, name) ? commands[name]?.() : undefined;
}
