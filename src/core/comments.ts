/** A stretch of a text, as PostgreSQL's lexer divides it; `start` and `end` are UTF-16 indexes. */
export interface Span {
  /** `line` is a comment to the end of its line, `block` one in slashes and stars, `code` all else but blank space. */
  readonly kind: 'line' | 'block' | 'code';
  readonly start: number;
  readonly end: number;
}

// A line that starts with # is a comment in files of Play; in SQL hardly any line starts with that operator.
const opening = /--|^#|\/\*|["']|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/gm;
const identifierCharacter = /[\w\u0080-\uffff$]/;

/** Divides a text into comments and code, in one pass. What only looks like a comment inside quotes is code. */
export function* spansOf(text: string): Generator<Span> {
  let codeStart = 0;
  const code = function* (end: number): Generator<Span> {
    if (/\S/.test(text.slice(codeStart, end))) yield { kind: 'code', start: codeStart, end };
  };
  opening.lastIndex = 0;
  for (let from = 0; ; ) {
    opening.lastIndex = from;
    const match = opening.exec(text);
    if (match === null) break;
    const [mark] = match;
    const start = match.index;
    if (mark === '--' || mark === '#' || mark === '/*') {
      const end = mark === '/*' ? blockEnd(text, start) : lineEnd(text, start);
      yield* code(start);
      yield { kind: mark === '/*' ? 'block' : 'line', start, end };
      codeStart = end;
      from = end;
    } else from = quoteEnd(text, start, mark);
  }
  yield* code(text.length);
}

function lineEnd(text: string, from: number): number {
  const ends = /[\r\n]/g;
  ends.lastIndex = from;
  return ends.exec(text)?.index ?? text.length;
}

// Comments of PostgreSQL nest.
function blockEnd(text: string, from: number): number {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = from;
  for (let depth = 0, match = marks.exec(text); match !== null; match = marks.exec(text)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return text.length;
}

/** Where quoted text ends. A doubled quote ends one and begins the next, which comes to the same. */
function quoteEnd(text: string, start: number, mark: string): number {
  const inside = start + mark.length;
  const before = text[start - 1] ?? '';
  if (mark.startsWith('$') && identifierCharacter.test(before)) return start + 1;
  if (mark === "'" && /e/i.test(before) && !identifierCharacter.test(text[start - 2] ?? '')) {
    const marks = /\\.|'/gs;
    marks.lastIndex = inside;
    for (let match = marks.exec(text); match !== null; match = marks.exec(text)) {
      if (match[0] === "'") return marks.lastIndex;
    }
    return text.length;
  }
  const end = text.indexOf(mark, inside);
  return end === -1 ? text.length : end + mark.length;
}
