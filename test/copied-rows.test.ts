import { text as textOf } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { copiedRowsAsInserts } from '../src/convert/copied-rows.ts';
import { freshDatabase } from './setup/database.ts';
import { testSession } from './setup/unit.ts';

test('rewritten rows are those that COPY would have read', async () => {
  const db = await freshDatabase();
  await db.query(`create type pair as (a int, b text);
create table from_copy (id bigint generated always as identity, v varchar(40), j jsonb, a text[], b bytea, n numeric, d timestamptz, p pair, r int4range, t boolean);
create table from_inserts (like from_copy including all);
insert into from_copy (v, j, a, b, n, d, p, r, t) values
  (E'tab\\t line\\n return\\r slash\\\\ quote''', '{"a": "\\n\\"x\\" {{y}}"}', array['a', null, 'N', E'\\\\N', '"', '{}'], '\\x00ff5c', 'NaN', now(), row(1, 'a,b'), '[1,5)', true),
  ('', 'null', '{}', '', -0.10, 'infinity', null, 'empty', false),
  (E'\\\\N', null, null, null, null, null, row(null, ''), null, null),
  (E'\\b\\f\\v \\\\. ü 🙂', '[1]', '{}', '\\x', 1e20, '-infinity', row(2, E'\\\\'), '(,)', null);
insert into from_copy (v) select 'row ' || i from generate_series(1, 2500) i`);
  const session = await testSession(db.url);
  const { stream, ended } = await session.copyOut('COPY from_copy TO STDOUT');
  const rows = await textOf(stream);
  await ended;
  const columns = 'id, v, j, a, b, n, d, p, r, t';
  const { text, count } = copiedRowsAsInserts(`-- Data
COPY from_inserts (${columns}) FROM stdin;
${rows}\\.

select 1;
`);
  expect(count).toBe(1);
  expect(text).not.toMatch(/copy/i);
  expect(text.startsWith('-- Data\nINSERT INTO from_inserts (id, v,')).toBe(true);
  expect(text.endsWith(';\n\nselect 1;\n')).toBe(true);
  await session.run(text);
  const [left] = await session.run(
    `select (select count(*) from from_inserts)::int as n,
  (select count(*) from (select c::text from from_copy c except select i::text from from_inserts i) x)::int as missing`,
  );
  expect(left).toEqual({ n: 2504, missing: 0 });
  await session.close();
});

test.for<[why: string, text: string, expected: string, count: number]>([
  ['no rows', 'COPY t (a) FROM stdin;\n\\.\nselect 1', '\nselect 1', 1],
  [
    'Windows line endings',
    'COPY t (a)\r\nFROM STDIN ;\r\n1\r\n\\.\r\n',
    "INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES\n('1');\n",
    1,
  ],
  ['an end that is missing', 'COPY t (a) FROM stdin;\n1\n', 'COPY t (a) FROM stdin;\n1\n', 0],
  ['another format', 'COPY t FROM stdin CSV;\n1\n\\.\n', 'COPY t FROM stdin CSV;\n1\n\\.\n', 0],
  ['a byte that is no character', 'COPY t FROM stdin;\n\\303\n\\.\n', 'COPY t FROM stdin;\n\\303\n\\.\n', 0],
  [
    'characters by their codes',
    'COPY t FROM stdin;\n\\x41\\102\n\\.\n',
    "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES\n('AB');\n",
    1,
  ],
  [
    'rows that look like a COPY',
    'COPY t FROM stdin;\nCOPY u FROM stdin;\n\\.\n',
    "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES\n('COPY u FROM stdin;');\n",
    1,
  ],
  [
    'a line that starts with Copy in a comment',
    '/*\nCopy the old plans\n*/\nCOPY t FROM stdin;\n1\n\\.\n',
    "/*\nCopy the old plans\n*/\nINSERT INTO t OVERRIDING SYSTEM VALUE VALUES\n('1');\n",
    1,
  ],
  [
    'a row that starts with Copy before another COPY',
    'COPY t FROM stdin;\nCopy of x\n\\.\nCOPY u FROM stdin;\n1\n\\.\n',
    `${insert('t', 'Copy of x')}\n${insert('u', '1')}\n`,
    2,
  ],
  [
    'COPY in comments, strings and bodies',
    "/*\nCOPY a FROM stdin;\n*/\nselect '\nCOPY b FROM stdin;\n', $$\nCOPY c FROM stdin;\n$$;\nCOPY t FROM stdin;\n1\n\\.\n",
    `/*\nCOPY a FROM stdin;\n*/\nselect '\nCOPY b FROM stdin;\n', $$\nCOPY c FROM stdin;\n$$;\n${insert('t', '1')}\n`,
    1,
  ],
  [
    'rows of a COPY that is left unchanged',
    "COPY t FROM stdin CSV;\nit's\nCOPY x FROM stdin;\n\\.\nCOPY u FROM stdin;\n1\n\\.\n",
    `COPY t FROM stdin CSV;\nit's\nCOPY x FROM stdin;\n\\.\n${insert('u', '1')}\n`,
    1,
  ],
  ['the old BINARY', 'COPY BINARY t FROM stdin;\n1\n\\.\n', 'COPY BINARY t FROM stdin;\n1\n\\.\n', 0],
  [
    'another statement in its line',
    'COPY t FROM stdin; begin;\n1\n\\.\n',
    'COPY t FROM stdin; begin;\n1\n\\.\n',
    0,
  ],
  [
    'names in quotes',
    'COPY "a;b"."from stdin;" ("x;(y)", "it\'s") FROM stdin;\n1\t2\n\\.\n',
    `INSERT INTO "a;b"."from stdin;" ("x;(y)", "it's") OVERRIDING SYSTEM VALUE VALUES\n('1', '2');\n`,
    1,
  ],
  [
    'comments in and around it',
    '-- a\n  /* b */ COPY t -- c\n  FROM stdin; -- d\n1\n\\.\n',
    `-- a\n  /* b */ ${insert('t', '1')} -- d\n`,
    1,
  ],
  [
    'a command of psql before it',
    '\\connect x\nCOPY t FROM stdin;\n1\n\\.\n',
    `\\connect x\n${insert('t', '1')}\n`,
    1,
  ],
])('%s', ([, text, expected, count]) => {
  expect(copiedRowsAsInserts(text)).toEqual({ text: expected, count });
});

function insert(table: string, value: string): string {
  return `INSERT INTO ${table} OVERRIDING SYSTEM VALUE VALUES\n('${value}');`;
}

test('a backslash makes a tab or line end part of the value, and line ends are written as escapes', () => {
  const { text } = copiedRowsAsInserts('COPY t (a, b) FROM stdin;\nx\\\ty\tz\\\\\nk\\\nl\t\\r\\n\n\\.\n');
  expect(text).toBe(
    "INSERT INTO t (a, b) OVERRIDING SYSTEM VALUE VALUES\n('x\ty', E'z\\\\'),\n(E'k\\nl', E'\\r\\n');\n",
  );
});
