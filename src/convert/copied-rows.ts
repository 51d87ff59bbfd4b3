import { quoteLiteral } from '../sql/quote.ts';

// As pg_dump writes them. Other formats and options are left as they are, and reported.
const copy = /^COPY\s+([^;]*?)\s+FROM\s+STDIN\s*;[^\S\r\n]*\r?\n/gim;
const endOfRows = /^\\\.[^\S\r\n]*\r?$/gm;

// One INSERT for all rows of a large table would have to fit into memory at once.
const mostRows = 1000;

/**
 * Rewrites COPY FROM STDIN with the rows that follow it as INSERT statements, which need no client that sends the rows. As
 * with COPY, the values of identity columns are those of the rows. Returns the number of tables.
 */
export function copiedRowsAsInserts(text: string): { readonly text: string; readonly count: number } {
  const parts: string[] = [];
  let done = 0;
  for (const { index, 0: head, 1: target = '' } of text.matchAll(copy)) {
    endOfRows.lastIndex = index + head.length;
    const end = endOfRows.exec(text);
    if (end === null || index < done) continue;
    const lines = text.slice(index + head.length, end.index).split(/\r?\n/);
    const inserts = insertsOf(target, lines.slice(0, -1).map(rowOf));
    if (inserts === null) continue;
    parts.push(text.slice(done, index), inserts);
    done = end.index + end[0].length;
  }
  return { text: parts.join('') + text.slice(done), count: parts.length / 2 };
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

/** A row as a list of values; `null` if it has a byte that is no character. */
function rowOf(line: string): string | null {
  const values = line.split('\t').map((field) => (field === '\\N' ? 'null' : literalOf(field)));
  return values.includes(null) ? null : `(${values.join(', ')})`;
}

// PostgreSQL documentation, COPY, Text Format.
const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function literalOf(field: string): string | null {
  let isText = true;
  const value = field.replace(/\\(x[\da-fA-F]{1,2}|[0-7]{1,3}|.)/g, (_, sequence: string) => {
    const code =
      sequence.length > 1 && sequence.startsWith('x') ? Number(`0${sequence}`) : Number.parseInt(sequence, 8);
    if (Number.isNaN(code)) return escapes[sequence] ?? sequence;
    isText &&= code > 0 && code < 128;
    return String.fromCharCode(code);
  });
  return isText ? quoteLiteral(value).trimStart() : null;
}
