import type { Location } from '../model.ts';

// Inside sqlmig an offset is a UTF-16 index. The outside speaks otherwise: parser spans are UTF-8 bytes from 0,
// parser errors are code points from 0, the server's `position` is code points from 1.

/** The place of a UTF-16 index in a file's text. */
export function locate(file: string, text: string, index: number): Location {
  const before = text.slice(0, index);
  const start = lineStart(text, index);
  const line = (before.match(/\r\n|\r|\n/g)?.length ?? 0) + 1;
  const end = text.slice(start).search(/[\r\n]/);
  return {
    file,
    line,
    column: codePoints(text.slice(start, index)) + 1,
    lineText: end === -1 ? text.slice(start) : text.slice(start, start + end),
  };
}

/** The UTF-16 index at which a line starts; lines count from 1, a line past the end gives the text's length. */
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

function lineStart(text: string, index: number): number {
  if (index === 0) return 0;
  return Math.max(text.lastIndexOf('\n', index - 1), text.lastIndexOf('\r', index - 1)) + 1;
}
