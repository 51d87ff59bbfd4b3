import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseStatements } from '../../src/sql/parse.ts';
import { sentStatements } from '../../src/sql/sent-statements.ts';

const folder = (name: string) => fileURLToPath(new URL(`../${name}/`, import.meta.url));
const filesIn = (name: string) =>
  readdirSync(folder(name), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.sql'))
    .map((file) => readFileSync(folder(name) + file, 'utf8'));

const body = `begin atomic
  insert into log values (case when x > 0 then 'a;' else 'b' end); select case x when 1 then 2 end; select (1);
end`;
const texts = [
  'select 1',
  'select 1; select 2;\n;\n-- the end;\n;; /* ; */ ;',
  '-- nothing\n;\n',
  `select ';', "a;b", e'\\';', $$;$$, $a$ $$; $a$, u&'\\0041;', b'1', x'f', $1; select 1 as a$b$; select 2`,
  "select 'a'\n'b;'; select 'it''s;'; select 1 /* /* ; */ ; */ + 1;",
  `create function f(x int) returns int ${body}; select 1`,
  `CREATE OR REPLACE PROCEDURE p(x int) LANGUAGE sql ${body.toUpperCase()}; select 1`,
  `create /* or; */ function "begin" (x int default case when true then 1 end) returns int language sql ${body};\nselect 2;`,
  `create function f() returns int return case when true then 1 end; begin; select 1; end;`,
  `create function f() returns int language plpgsql as $$ begin return 1; end $$; begin; select case 1 when 1 then 2 end; commit`,
  'create rule r as on insert to a do also (insert into b values (1); delete from c where x in (1, 2)); select 2',
  'create table "création;" (é text); select 1 é; select 1 <> ~ @ 2, array[1, 2][1:2], a.b::int',
];

test('texts are divided into the statements that the parser finds', async () => {
  for (const text of [...texts, ...filesIn('golden'), ...filesIn('fixtures')]) {
    const parsed = await parseStatements(text);
    if ('problem' in parsed) continue;
    const ranges = sentStatements(text);
    expect(ranges.length, text).toBe(parsed.statements.length);
    for (const [i, { start, end }] of ranges.entries()) {
      const { start: from = -1, end: to = -1 } = parsed.statements[i] ?? {};
      const isAfter = start >= (ranges[i - 1]?.end ?? 0);
      expect([from >= start, to <= end, isAfter], text).toEqual([true, true, true]);
    }
  }
});

test('only texts of one statement have no more than one', () => {
  expect(texts.map((text) => sentStatements(text).length)).toEqual([1, 2, 0, 3, 3, 2, 2, 2, 4, 4, 2, 3]);
});
