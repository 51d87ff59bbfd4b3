import { bareRangesOf } from './comments.ts';

/** A word that only newer servers take for a key word. */
export interface NewerWord {
  /** UTF-16 index. */
  readonly index: number;
  readonly word: string;
  /** The first major version that has it. */
  readonly since: number;
}

/** A text as servers before some version read it. */
interface OlderReading {
  /** As long as the text; words that such servers do not know are replaced by marked names. */
  readonly text: string;
  readonly words: readonly NewerWord[];
  /** Restores the words in what was parsed from `text`, in place. */
  restore(parsed: unknown): void;
  /** A message about `text`, with the words as the file has them. */
  restoreMessage(message: string): string;
}

// Words that became key words other than unreserved, by version (pg_get_keywords() of 15 to 18, catcode not U).
const keyWords: Readonly<Record<number, readonly string[]>> = {
  16: ['system_user', 'json_array', 'json_arrayagg', 'json_object', 'json_objectagg'],
  17: [
    ...['json', 'json_exists', 'json_query', 'json_scalar', 'json_serialize', 'json_table', 'json_value'],
    'merge_action',
  ],
};
const versions = Object.keys(keyWords).map(Number).reverse();
const since = new Map(
  Object.entries(keyWords).flatMap(([at, words]) => words.map((word) => [word, Number(at)])),
);

const word = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/g;
// In 16 it was a key word after these alone.
const beforeJson: ReadonlySet<string> = new Set(['is', 'not', 'format']);
// Private use characters: no name has them in practice, and a text that has all of them is not read again.
const marks = [...'\ue0f0\ue0f1\ue0f2\ue0f3\ue0f4\ue0f5\ue0f6\ue0f7'];

/**
 * A text as PostgreSQL before 17 reads it, and as before 16, if that differs: the parser is newer than many servers, and
 * refuses names that these accept.
 */
export function* olderReadings(text: string): Generator<OlderReading> {
  const mark = marks.find((char) => !text.includes(char));
  const found = newerWordsOf(text);
  if (mark === undefined || found.length === 0) return;
  const names = new Map([...since.keys()].map((name) => [mark + name.slice(1), name]));
  for (const version of versions) {
    const words = found.filter((at) => at.since >= version && (version < 17 || !at.afterFormat));
    if (words.length === 0) continue;
    yield {
      text: withMarks(text, words, mark),
      words,
      restore: (parsed) => restoreNames(parsed, names),
      restoreMessage: (message) =>
        message.replace(new RegExp(`${mark}\\w+`, 'g'), (found) => names.get(found.toLowerCase()) ?? found),
    };
  }
}

function newerWordsOf(text: string): (NewerWord & { readonly afterFormat: boolean })[] {
  const found: (NewerWord & { readonly afterFormat: boolean })[] = [];
  let before = '';
  for (const { start, end } of bareRangesOf(text)) {
    for (const match of text.slice(start, end).matchAll(word)) {
      const name = match[0].toLowerCase();
      const version = since.get(name);
      if (version !== undefined) {
        const afterFormat = name === 'json' && beforeJson.has(before);
        found.push({ index: start + match.index, word: name, since: version, afterFormat });
      }
      before = name;
    }
  }
  return found;
}

function withMarks(text: string, words: readonly NewerWord[], mark: string): string {
  const parts: string[] = [];
  let done = 0;
  for (const { index } of words) {
    parts.push(text.slice(done, index), mark);
    done = index + 1;
  }
  return parts.join('') + text.slice(done);
}

function restoreNames(node: unknown, names: ReadonlyMap<string, string>): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    const name = typeof value === 'string' ? names.get(value) : undefined;
    if (name !== undefined) Object.assign(node, { [key]: name });
    else restoreNames(value, names);
  }
}
