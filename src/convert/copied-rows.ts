import { quoteLiteral } from '../sql/quote.ts';
import { copiesIn } from './copies.ts';

// One INSERT for all rows of a large table would have to fit into memory at once.
const mostRows = 1000;

/**
 * Rewrites COPY FROM STDIN and its rows as INSERT statements, which need no client that sends rows. As with COPY,
 * identity columns get the values of the rows. Returns the number of tables.
 */
export function copiedRowsAsInserts(text: string): { readonly text: string; readonly count: number } {
  const parts: string[] = [];
  let done = 0;
  let count = 0;
  for (const { target, start, end, comment, rows } of copiesIn(text)) {
    const inserts = target === null ? null : insertsOf(target, rowsOf(text.slice(rows.start, rows.end)));
    if (inserts === null) continue;
    parts.push(text.slice(done, start), inserts, comment);
    done = end;
    count += 1;
  }
  return { text: parts.join('') + text.slice(done), count };
}

function insertsOf(target: string, rows: readonly (string | null)[]): string | null {
  if (rows.includes(null)) return null;
  const inserts: string[] = [];
  for (let i = 0; i < rows.length; i += mostRows) {
    const values = rows.slice(i, i + mostRows).join(',\n');
    inserts.push(`INSERT INTO ${target} OVERRIDING SYSTEM VALUE VALUES\n${values};`);
  }
  return inserts.join('\n');
}

/** Each row as a list of values; `null` for one that has a byte that is no character. */
function rowsOf(text: string): (string | null)[] {
  return splitAt(text, '\n')
    .slice(0, -1)
    .map((line) => {
      const values = splitAt(line.replace(/\r$/, ''), '\t').map(literalOf);
      return values.includes(null) ? null : `(${values.join(', ')})`;
    });
}

/** Splits rows or fields. A separator after a backslash is part of the value. */
function splitAt(text: string, separator: '\n' | '\t'): string[] {
  const parts: string[] = [];
  let open = '';
  for (const part of text.split(separator)) {
    const whole = open + part;
    open = endsInBackslash(part) ? whole + separator : '';
    if (open === '') parts.push(whole);
  }
  return open === '' ? parts : [...parts, open.slice(0, -1)];
}

/** Whether a text ends in a backslash that is not itself escaped. */
function endsInBackslash(text: string): boolean {
  let first = text.length;
  while (text[first - 1] === '\\') first -= 1;
  return (text.length - first) % 2 === 1;
}

// PostgreSQL documentation, COPY, Text Format.
const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function literalOf(field: string): string | null {
  if (field === '\\N') return 'null';
  let isText = true;
  const value = field.replace(/\\(x[\da-fA-F]{1,2}|[0-7]{1,3}|.)/gs, (_, sequence: string) => {
    const code =
      sequence.length > 1 && sequence.startsWith('x') ? Number(`0${sequence}`) : Number.parseInt(sequence, 8);
    if (Number.isNaN(code)) return escapes[sequence] ?? sequence;
    isText &&= code > 0 && code < 128;
    return String.fromCharCode(code);
  });
  return isText ? oneLineLiteral(value) : null;
}

// Version control and editors may change line ends.
function oneLineLiteral(value: string): string {
  const literal = quoteLiteral(value).trimStart();
  if (!/[\r\n]/.test(value)) return literal;
  const escaped = literal.replaceAll('\r', '\\r').replaceAll('\n', '\\n');
  return escaped.startsWith('E') ? escaped : `E${escaped}`;
}
