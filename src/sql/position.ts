import type { Location } from '../results.ts';
import type { Range } from './ranges.ts';

// Inside sqlmig an offset is a UTF-16 index. The outside speaks otherwise: parser spans are UTF-8 bytes from 0,
// parser errors are code points from 0, the server's `position` is code points from 1.

/** The place of a UTF-16 index in a file's text. */
export function locate(file: string, text: string, index: number): Location {
  return locator(file, text)(index);
}

/** A function from UTF-16 indexes in a file's text to places. Indexes asked in rising order cost one pass over the text in all. */
export function locator(file: string, text: string): (index: number) => Location {
  const begin = { line: 1, start: 0, end: endOfLine(text, 0), reached: 0, column: 1 };
  let at = begin;
  return (index) => {
    if (index < at.reached) at = begin;
    while (at.end.next <= index && at.end.next > at.end.start) {
      const start = at.end.next;
      at = { line: at.line + 1, start, end: endOfLine(text, start), reached: start, column: 1 };
    }
    at = { ...at, reached: index, column: at.column + codePoints(text.slice(at.reached, index)) };
    const { line, column, start, end } = at;
    return { file, line, column, ...excerptAround(text, { start, end: end.start }, { index, column }) };
  };
}

// What fits on a screen; a line of generated rows may have a megabyte.
const widest = 120;

/** A line, or the part of a long line around an index, and the column of the index in it. */
function excerptAround(
  text: string,
  { start, end }: Range,
  { index, column }: { readonly index: number; readonly column: number },
): Pick<Location, 'lineText' | 'caret'> {
  if (end - start <= widest) return { lineText: text.slice(start, end), caret: column };
  const to = wholeCharacter(text, Math.min(end, Math.max(index - widest / 2, start) + widest));
  const from = wholeCharacter(text, Math.max(start, to - widest));
  const before = from > start ? '…' : '';
  return {
    lineText: `${before}${text.slice(from, to)}${to < end ? '…' : ''}`,
    caret: codePoints(before + text.slice(from, index)) + 1,
  };
}

/** The index, or the one before it if it would split a surrogate pair. */
function wholeCharacter(text: string, index: number): number {
  return /^[\ud800-\udbff][\udc00-\udfff]/.test(text.slice(index - 1, index + 1)) ? index - 1 : index;
}

/** Where a line's end begins, and where the next line does; the same at the text's end. */
function endOfLine(text: string, from: number): { readonly start: number; readonly next: number } {
  const ends = /\r\n|\r|\n/g;
  ends.lastIndex = from;
  const end = ends.exec(text);
  return { start: end?.index ?? text.length, next: end === null ? text.length : ends.lastIndex };
}

/** The UTF-16 index at which a line starts; lines count from 1, for a line past the end it is the text's length. */
export function indexOfLine(text: string, line: number): number {
  let index = 0;
  for (let seen = 1; seen < line; seen++) {
    const rest = /\r\n|\r|\n/.exec(text.slice(index));
    if (rest === null) return text.length;
    index += rest.index + rest[0].length;
  }
  return index;
}

/** The UTF-16 index that lies `count` code points after `from`. */
export function indexOfCodePoint(text: string, count: number, from = 0): number {
  let index = from;
  for (let left = count; left > 0 && index < text.length; left--) {
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  return index;
}

/** How many code points a text has. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/**
 * A function from UTF-8 byte offsets to UTF-16 indexes. It walks forward, so offsets asked in rising order cost one
 * pass over the text in all.
 */
export function byteIndexes(text: string): (byte: number) => number {
  let byte = 0;
  let index = 0;
  return (wanted) => {
    if (wanted < byte) {
      byte = 0;
      index = 0;
    }
    while (byte < wanted && index < text.length) {
      const point = text.codePointAt(index) ?? 0;
      byte += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      index += point > 0xffff ? 2 : 1;
    }
    return index;
  };
}
