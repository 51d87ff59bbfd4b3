import { bareRangesOf, withoutComments } from '../sql/comments.ts';
import type { Range } from '../sql/ranges.ts';

/** A COPY FROM STDIN with the rows that follow it, as psql reads them. */
export interface Copy extends Range {
  /** The table with its columns; `null` if the rows are not written as pg_dump writes them. */
  readonly target: string | null;
  /** The comment after it in its line, with the blank space before it. */
  readonly comment: string;
  readonly rows: Range;
}

/** The statements of a text that copy from STDIN. Rows are not SQL, so their quotes and comments mean nothing. */
export function* copiesIn(text: string): Generator<Copy> {
  for (let copy = nextCopy(text, 0); copy !== null; copy = nextCopy(text, copy.end)) yield copy;
}

function nextCopy(text: string, from: number): Copy | null {
  const rest = text.slice(from);
  let statement = 0;
  for (const { start, end } of bareRangesOf(rest)) {
    for (const { index } of rest.slice(start, end).matchAll(/;/g)) {
      const place = { start: from + statement, end: from + start + index };
      if (fromStdin.test(text.slice(place.start, place.end))) {
        const copy = copyAt(text, place);
        if (copy !== 'other') return copy;
      }
      statement = start + index + 1;
    }
  }
  return null;
}

const fromStdin = /\bFROM\s+STDIN\b/i;
// Lines for psql may precede it.
const head = /^(?:\s*\\[^\r\n]*[\r\n])*\s*(?=COPY\b)/i;
const name = String.raw`(?:"(?:[^"]|"")+"|[\w\u0080-\uffff$]+)`;
const columns = String.raw`\((?:"(?:[^"]|"")*"|[^"()])*\)`;
const form = new RegExp(
  String.raw`^COPY\s+(${name}(?:\s*\.\s*${name})*\s*(?:${columns})?)\s*\bFROM\s+STDIN\s*$`,
  'i',
);
const restOfLine = /([^\S\r\n]*(?:--[^\r\n]*)?)([^\n]*)(?:\n|$)/y;
const endOfRows = /(?<=\n)\\\.[^\S\r\n]*\r?(?=\n|$)/g;

/** The COPY at a place; `other` if it is another statement, `null` if the end of its rows is missing. */
function copyAt(text: string, { start, end }: Range): Copy | 'other' | null {
  const plain = withoutComments(text.slice(start, end)).text;
  const before = head.exec(plain)?.[0].length ?? null;
  if (before === null || !fromStdin.test(plain)) return 'other';
  restOfLine.lastIndex = end + 1;
  const [, comment = '', more = ''] = restOfLine.exec(text) ?? [];
  const rows = restOfLine.lastIndex;
  endOfRows.lastIndex = rows;
  const last = endOfRows.exec(text);
  if (last === null) return null;
  const target = more.trim() === '' ? form.exec(plain.slice(before))?.[1] : undefined;
  return {
    target: target?.trim() ?? null,
    start: start + before,
    end: last.index + last[0].length,
    comment: comment.trimEnd(),
    rows: { start: rows, end: last.index },
  };
}
