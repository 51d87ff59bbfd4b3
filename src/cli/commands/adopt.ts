import { baselineMode } from '../adopt/baseline.ts';
import { convertMode } from '../adopt/convert.ts';
import { historyMode } from '../adopt/history.ts';
import { lookMode } from '../adopt/look.ts';
import type { AdoptMode } from '../adopt/mode.ts';
import { publicMode } from '../adopt/public.ts';
import { splitMode } from '../adopt/split.ts';
import { defineCommand, type ParsedArgs } from '../command.ts';
import type { OptionSet } from '../flag.ts';
import { camelCase, usage } from '../options.ts';

const modes: readonly AdoptMode[] = [lookMode, convertMode, historyMode, baselineMode, publicMode, splitMode];
const options: OptionSet = Object.assign({}, ...modes.map((mode) => mode.options));

/** `sqlmig adopt`. */
export const adoptCommand = defineCommand()({
  name: 'adopt',
  describe: 'Move an existing database to sqlmig: its files, its history and its data',
  options,
  examples: modes.flatMap(({ examples }) => examples),
  showsDatabase: (args) => chosen(args).showsDatabase === true,
  needsDatabase: (args) => chosen(args).needsDatabase !== false,
  prepare: (args, terminal) => {
    const mode = chosen(args);
    for (const flag of Object.keys(options)) {
      if (!(flag in mode.options) && isGiven(flag, args)) throw misplaced(flag, mode);
    }
    return mode.prepare(args, terminal);
  },
});

function chosen(args: ParsedArgs): AdoptMode {
  const [mode = lookMode, another] = modes.filter(({ flag }) => flag !== null && isGiven(flag, args));
  if (another !== undefined) throw usage(`--${mode.flag} and --${another.flag} cannot be combined`);
  return mode;
}

function isGiven(flag: string, args: ParsedArgs): boolean {
  const value = args[camelCase(flag)];
  return value !== undefined && value !== options[flag]?.default;
}

function misplaced(flag: string, { flag: by }: AdoptMode) {
  if (by !== null) return usage(`--${flag} cannot be combined with --${by}`);
  const takers = modes.filter((mode) => flag in mode.options).map((mode) => `--${mode.flag}`);
  return usage(`--${flag} requires ${takers.join(' or ')}`);
}
