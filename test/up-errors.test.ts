import { beforeEach, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
});

const umlauts = Array.from({ length: 19 }, (_, i) => `-- Zeile ${i + 1}: Größe, Straße, 🐘🐘`).join('\n');

// name, file, line, column, SQLSTATE, statement number, text of the line
const failures: [string, string, number, number, string, number, string][] = [
  [
    'an unknown column in the middle of 40 lines with umlauts above it',
    `${umlauts}\ncreate table größe (id int);\n  insert into größe (id, ücret) values (1, 2);\n${'-- after\n'.repeat(19)}`,
    21,
    26,
    '42703',
    2,
    '  insert into größe (id, ücret) values (1, 2);',
  ],
  [
    'a table that is there already, which has no position',
    `${umlauts}\ncreate table one (id int);\ncreate table one (id int);\nselect 1;`,
    21,
    1,
    '42P07',
    2,
    'create table one (id int);',
  ],
  [
    'a constraint violated by the third statement',
    'create table u (id int primary key);\r\ninsert into u values (1);\r\n  /* ü */ insert into u values (1);\r\n',
    3,
    11,
    '23505',
    3,
    '  /* ü */ insert into u values (1);',
  ],
  [
    'inside a DO block: the line of the block',
    "select 1;\ndo $x$\nbegin\n  perform 1;\n  raise exception 'no luck';\nend\n$x$;",
    5,
    3,
    'P0001',
    2,
    "  raise exception 'no luck';",
  ],
  [
    'one statement without a position',
    '\n\n  create table pg_class_x as select 1/0;\n',
    3,
    3,
    '22012',
    1,
    '  create table pg_class_x as select 1/0;',
  ],
  [
    'a file wrapped in BEGIN and COMMIT keeps its lines',
    'BEGIN;\n\nselect nowhere();\n\nCOMMIT;',
    3,
    8,
    '42883',
    1,
    'select nowhere();',
  ],
];

test.for(failures)(
  '%s: line, column and caret are right',
  async ([, text, line, column, sqlstate, statement, lineText]) => {
    const p = project(
      { url: db.url, tenants: { list: ['acme'] } },
      {
        'sql/tenant/0001_fine.sql': 'create table fine ()',
        'sql/tenant/0002_broken.sql': text,
        'sql/tenant/0003_later.sql': 'create table later ()',
      },
    );
    const { code, stdout, stderr } = await sqlmig(['up', '--all', '--json'], p.dir);
    expect(code).toBe(1);
    expect(JSON.parse(stdout).schemas[1]).toMatchObject({
      schema: 'acme',
      state: 'failed',
      version: '0001',
      migrations: [{ version: '0001' }],
      error: {
        code: 'migration-failed',
        sqlstate,
        file: 'sql/tenant/0002_broken.sql',
        line,
        column,
        statement,
        state: 'rolled back; acme is at 0001',
      },
    });
    const caret = stderr.split('\n').findIndex((l) => /^ +\| +\^$|^ +\| \^$/.test(l));
    const [source = '', pointer = ''] = stderr.split('\n').slice(caret - 1, caret + 1);
    expect(source).toBe(`  ${line} | ${lineText}`);
    expect([...pointer].indexOf('^') - [...source].indexOf('|') - 2).toBe(column - 1);
    expect(stderr).toContain(`sql/tenant/0002_broken.sql:${line}:${column}`);
    expect(await db.history('acme')).toEqual({ 1: 1 });
    expect(
      (await db.query(`select tablename from pg_tables where schemaname = 'acme' order by 1`)).map(
        (r) => r.tablename,
      ),
    ).toEqual(['fine', 'schema_migrations']);
  },
);

test('a line of a megabyte, and a value as long, do not flood the terminal', async () => {
  const long = 'x'.repeat(1_000_000);
  const p = project({ url: db.url, tenants: { list: [] } });
  for (const [text, column] of [
    [`select '${long}' as one, nowhere();`, 1_000_019],
    [`select 1, '${long}'::int;`, 11],
    [`select 1 1 '${long}';`, 10],
  ] as const) {
    p.write({ 'sql/public/1_long.sql': text });
    const { stderr, stdout } = await sqlmig(['up', '--all', '--json', '--log-format', 'json'], p.dir);
    expect(stdout.length + stderr.length).toBeLessThan(10_000);
    const answer = JSON.parse(stdout);
    const { error } = answer.schemas?.[0] ?? answer;
    expect(error.column).toBe(column);
    expect([...error.lineText][error.caret - 1]).toBe([...text][column - 1]);
  }
});

test('a deferred constraint speaks before the commit, and nothing stays', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_a.sql':
        'create table a (id int primary key, a int references a deferrable initially deferred); insert into a values (1, 2); select 1;',
    },
  );
  const { code, stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).schemas[1]).toMatchObject({
    error: { sqlstate: '23503', file: 'sql/tenant/1_a.sql' },
    version: null,
  });
});

test('text that this server cannot parse: what stands before it is applied first', async () => {
  // The grammar is that of a newer server; on the newest one the file is fine.
  const [row] = await db.query(`select current_setting('server_version_num')::int as v`);
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/tenant/1_a.sql': 'create table a ()',
      'sql/tenant/2_b.sql': 'create table b (v int, w int generated always as (v) virtual)',
    },
  );
  const { stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
  const outcome = JSON.parse(stdout).schemas[1];
  if (Number(row?.v) >= 180000) expect(outcome).toMatchObject({ state: 'applied' });
  else
    expect(outcome).toMatchObject({
      version: '1',
      error: { sqlstate: '42601', file: 'sql/tenant/2_b.sql', line: 1 },
    });
});

test('mistakes in files are shown at once, and nothing is run', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    {
      'sql/public/1_ok.sql': 'create table ok ()',
      'sql/tenant/1_syntax.sql': 'create table a (\n  id int,,\n);',
      'sql/tenant/2_control.sql': 'select 1;\nCOMMIT;\nselect 2;',
      'sql/tenant/3_meta.sql': '-- ü\n\\connect other',
      'sql/tenant/4_copy.sql': 'create table c (id int);\ncopy c from stdin;\n1\n\\.\n',
      'sql/tenant/5_mustache.sql': 'create table {{ schema }}.t ()',
      'sql/tenant/6_quoted.sql': `create table "\${schema}".t ()`,
    },
  );
  const { code, stderr, stdout } = await sqlmig(['up', '--all', '--json'], p.dir);
  expect(code).toBe(2);
  expect(
    JSON.parse(stdout).errors.map((e: { code: string; file: string; line: number; column: number }) => [
      e.code,
      e.file.slice(11),
      e.line,
      e.column,
    ]),
  ).toEqual([
    ['sql-syntax', '1_syntax.sql', 2, 10],
    ['transaction-control', '2_control.sql', 2, 1],
    ['psql-command', '3_meta.sql', 2, 1],
    ['copy-stdin', '4_copy.sql', 2, 1],
    ['unrendered-placeholder', '5_mustache.sql', 1, 14],
    ['unrendered-placeholder', '6_quoted.sql', 1, 14],
  ]);
  expect(stderr).toContain('6 mistakes; nothing was run');
  expect(
    await db.query(`select to_regclass('public.ok') as t, to_regclass('public.schema_migrations') as h`),
  ).toEqual([{ t: null, h: null }]);
});
