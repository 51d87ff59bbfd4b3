/** A stretch of a text, in UTF-16 indexes. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A statement with the semicolon after it, if there is one. */
export function withSemicolon(text: string, { start, end }: Range): Range {
  return { start, end: text[end] === ';' ? end + 1 : end };
}

/** The text with blanks for all but the line ends of some ranges, which rise and may overlap. */
export function blankOut(text: string, ranges: Iterable<Range>): string {
  const parts: string[] = [];
  let done = 0;
  for (const { start, end } of ranges) {
    if (end <= done) continue;
    const from = Math.max(start, done);
    parts.push(text.slice(done, from), blanks(text.slice(from, end)));
    done = end;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(done);
}

/** A text of the same length with blanks for all but the line ends. */
export function blanks(text: string): string {
  return text.replace(/[^\r\n]+/g, (line) => ' '.repeat(line.length));
}
