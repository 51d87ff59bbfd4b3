import type { Migration, Script } from '../sql/migration.ts';
import { quoteIdentifier } from '../sql/quote.ts';
import { literalPattern } from '../text/literal-pattern.ts';
import type { UnitContext } from './unit-context.ts';

/**
 * Whether files may read a history while they run, judging by their text with the values of placeholders, and by the text of
 * all other files, whose functions they may call.
 */
export function mayReadHistory(
  scripts: readonly Script[],
  { historyTables, namesHistory }: Pick<UnitContext, 'historyTables' | 'namesHistory'>,
): boolean {
  const names = (name: string) =>
    scripts.some(({ statements }) => statements.some(({ reach }) => reach.words.has(name)));
  return namesHistory || historyTables.some(names);
}

/** Whether the text of a file has the name of a history as a word, in any case. */
export function nameHistory(
  files: readonly Pick<Migration, 'text'>[],
  historyTables: readonly string[],
): boolean {
  const forms = historyTables.flatMap((name) => [name, quoteIdentifier(name)]).map(literalPattern);
  const word = new RegExp(`(?<![\\p{L}\\p{N}_])(?:${forms.join('|')})(?![\\p{L}\\p{N}_])`, 'iu');
  return files.some(({ text }) => word.test(text));
}
