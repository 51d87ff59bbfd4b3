import { blankOut, type Range } from './ranges.ts';

/** A stretch of a text, as PostgreSQL's lexer divides it; `start` and `end` are UTF-16 indexes. */
export interface Span extends Range {
  /** `line` is a comment to the end of its line, `block` one in slashes and stars, `code` all else but blank space. */
  readonly kind: 'line' | 'block' | 'code';
}

/** A comment or something in quotes; `closed` is false if its end is missing. */
export interface Lexeme extends Range {
  readonly kind: 'line' | 'block' | 'quote';
  readonly closed: boolean;
}

const opening = /--|\/\*|["']|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/g;
// A line that starts with # is a comment in files of Play; in SQL hardly any line starts with that operator.
const openingOfPlay = /--|^#|\/\*|["']|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/gm;
/** Any character of an identifier but the first. */
export const identifierCharacter = /[\w\u0080-\uffff$]/;

/** Divides a text into comments and code, in one pass. What only looks like a comment inside quotes is code. */
export function* spansOf(text: string): Generator<Span> {
  let codeStart = 0;
  const code = function* (end: number): Generator<Span> {
    if (/\S/.test(text.slice(codeStart, end))) yield { kind: 'code', start: codeStart, end };
  };
  for (const { kind, start, end } of lexemesOf(text, openingOfPlay)) {
    if (kind === 'quote') continue;
    yield* code(start);
    yield { kind, start, end };
    codeStart = end;
  }
  yield* code(text.length);
}

/** The stretches of a text that are neither comments nor in quotes, in one pass. */
export function* bareRangesOf(text: string): Generator<Range> {
  let from = 0;
  for (const { start, end } of lexemesOf(text)) {
    if (start > from) yield { start: from, end: start };
    from = end;
  }
  if (from < text.length) yield { start: from, end: text.length };
}

/** A text with blanks for its comments, and the index of a comment in slashes and stars that has no end. */
export function withoutComments(text: string): { readonly text: string; readonly unclosed: number | null } {
  const comments = [...lexemesOf(text)].filter(({ kind }) => kind !== 'quote');
  const unclosed = comments.find(({ closed }) => !closed);
  return { text: blankOut(text, comments), unclosed: unclosed?.start ?? null };
}

/** The comments and the blank space at a text's beginning. */
export function leadingComment(text: string): string {
  const blank = /\s*/y;
  for (let end = 0; ; ) {
    blank.lastIndex = end;
    blank.test(text);
    end = blank.lastIndex;
    if (text.startsWith('--', end)) end = lineEnd(text, end);
    else if (text.startsWith('/*', end)) end = blockEnd(text, end) ?? text.length;
    else return text.slice(0, end);
  }
}

/** The comments and quotes of a text, in one pass. */
export function* lexemesOf(text: string, marks = opening): Generator<Lexeme> {
  for (let from = 0; ; ) {
    marks.lastIndex = from;
    const match = marks.exec(text);
    if (match === null) return;
    const [mark] = match;
    const start = match.index;
    if (mark === '--' || mark === '#') {
      from = lineEnd(text, start);
      yield { kind: 'line', start, end: from, closed: true };
    } else if (mark.startsWith('$') && identifierCharacter.test(text[start - 1] ?? '')) {
      from = start + 1;
    } else {
      const end = mark === '/*' ? blockEnd(text, start) : quoteEnd(text, start, mark);
      from = end ?? text.length;
      yield { kind: mark === '/*' ? 'block' : 'quote', start, end: from, closed: end !== null };
    }
  }
}

function lineEnd(text: string, from: number): number {
  const ends = /[\r\n]/g;
  ends.lastIndex = from;
  return ends.exec(text)?.index ?? text.length;
}

// Comments of PostgreSQL nest.
function blockEnd(text: string, from: number): number | null {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = from;
  for (let depth = 0, match = marks.exec(text); match !== null; match = marks.exec(text)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return null;
}

/** Where quoted text ends. A doubled quote ends one literal and begins the next, with the same result. */
function quoteEnd(text: string, start: number, mark: string): number | null {
  const inside = start + mark.length;
  if (mark === "'" && /e/i.test(text[start - 1] ?? '') && !identifierCharacter.test(text[start - 2] ?? '')) {
    const marks = /\\.|'/gs;
    marks.lastIndex = inside;
    for (let match = marks.exec(text); match !== null; match = marks.exec(text)) {
      if (match[0] === "'") return marks.lastIndex;
    }
    return null;
  }
  const end = text.indexOf(mark, inside);
  return end === -1 ? null : end + mark.length;
}
