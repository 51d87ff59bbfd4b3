import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { checkFiles, loadConfig, plan, status, up, verify } from '../src/index.ts';
import { unknownVariables } from '../src/project/settings.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';

const all = { kind: 'all', except: [] } as const;
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

const hostile = [
  'acme-1',
  'Acme',
  `a"b`,
  `x'; drop schema public cascade; --`,
  `x"; drop schema public cascade; --`,
  'back\\slash',
  '$$; $a$',
  '*/ /* --',
  'line\nbreak',
  'Ünï🐘',
  '{{x}} $& $1',
  '\ue000',
  ' ',
];

/** A start of names for roles, which all databases of the server share; the roles are dropped after the test. */
function rolesOf(db: TestDatabase): string {
  const start = `ph${randomBytes(4).toString('hex')}_`;
  onTestFinished(async () => {
    const roles = await db.query(
      `select rolname as name from pg_roles where starts_with(rolname, '${start}')`,
    );
    for (const { name } of roles)
      await db.query(`drop owned by ${quoted(String(name))}; drop role ${quoted(String(name))}`);
  });
  return start;
}

test('grants to roles of the tenants, whatever the tenants are called', async () => {
  const db = await freshDatabase();
  const roles = rolesOf(db);
  const p = project(
    { url: db.url, tenants: { list: hostile }, vars: { start: roles } },
    {
      'sql/tenant/1_roles.sql':
        '-- sqlmig: allow-server\ncreate role {{start}}{{tenant}}_RW; grant usage on schema {{tenant}} to {{start}}{{tenant}}_rw;',
      'sql/tenant/2_t.sql': `create table t (tenant text default {{'tenant'}}); insert into t default values;
        grant select on t to {{START}}{{ tenant }}_rw; comment on table t is {{'tenant'}};
        alter default privileges in schema {{tenant}} grant insert on tables to {{start}}{{tenant}}_rw;`,
      'sql/tenant/3_index.sql': `create index concurrently "t {{tenant}}" on {{tenant}}.t (tenant); comment on index "t {{tenant}}" is '{{tenant}}';`,
      'sql/tenant/R__view.sql': `create or replace view v as select *, {{'tenant'}} as name from "{{tenant}}".t;`,
    },
  );
  const result = await up(await p.config(), { select: all });
  expect(result).toMatchObject({ ok: true, applied: hostile.length, failed: 0 });
  for (const tenant of hostile) {
    const role = literal(`${roles}${tenant}_rw`);
    const relation = literal(`${quoted(tenant)}.t`);
    expect(
      await db.query(`select v.tenant, v.name, has_table_privilege(${role}, ${relation}, 'select') as may, has_table_privilege(${role}, ${relation}, 'insert') as more,
        has_schema_privilege(${role}, ${literal(tenant)}, 'usage') as usage, obj_description(${relation}::regclass) as described,
        obj_description(${literal(`${quoted(tenant)}.${quoted(`t ${tenant}`)}`)}::regclass) as index from ${quoted(tenant)}.v`),
    ).toEqual([
      { tenant, name: tenant, may: true, more: false, usage: true, described: tenant, index: '{{tenant}}' },
    ]);
  }
  expect(await verify(await p.config())).toMatchObject({ ok: true });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 0 });
});

test('values from the config and the environment arrive as they are, as names and as strings', async () => {
  const db = await freshDatabase();
  const values = Object.fromEntries(hostile.map((value, i) => [`v${i}`, value]));
  const text = [
    ...hostile.map((_, i) => `create table a_{{v${i}}} (); insert into seen values (${i}, {{'v${i}'}});`),
    `insert into seen values (100, {{'Both'}}), (101, '{{v1}}'), (102, $$ {{v1}} $$), (103, E'\\'{{v1}}'); -- {{nope}}`,
  ].join('\n');
  const p = project(
    { url: db.url, tenants: { list: ['acme'] }, vars: { ...values, both: 'config', BoTh2: 'x' } },
    {
      'sql/public/1_seen.sql': `create table seen (i int, value text);\n${text}`,
    },
  );
  const env = { SQLMIG_VAR_BOTH: 'it\'s \\ "environment"', SQLMIG_VAR_V0: '' };
  const { code, stderr } = await sqlmig(['up', '--public'], p.dir, env);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr).toContain('warning: sql/public/1_seen.sql:');
  const rows = await db.query('select i, value from seen order by i');
  expect(rows.slice(0, hostile.length).map(({ value }) => value)).toEqual(hostile);
  expect(rows.slice(hostile.length).map(({ value }) => value)).toEqual([
    env.SQLMIG_VAR_BOTH,
    '{{v1}}',
    ' {{v1}} ',
    "'{{v1}}",
  ]);
  const tables = await db.query(
    `select relname as name from pg_class where relname like 'a\\_%' order by oid`,
  );
  expect(tables.map(({ name }) => name)).toEqual(hostile.map((value) => `a_${value}`));
});

test('without vars in the config nothing is filled in, and variables have no effect', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/tenant/1_t.sql': `create table t as select '{{tenant}} {{x}}'::text as a -- {{y}}` },
  );
  const { code, stderr } = await sqlmig(['up', '--all'], p.dir, { SQLMIG_VAR_X: 'value' });
  expect(code).toBe(0);
  expect(stderr).toContain('SQLMIG_VAR_X has no effect, since the config has no "vars"');
  expect(stderr).not.toContain('sql/tenant/1_t.sql');
  expect(await db.query('select a from acme.t')).toEqual([{ a: '{{tenant}} {{x}}' }]);
});

test('a placeholder without a value stops the run before anything is touched', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: ['acme'] }, vars: {} },
    {
      'sql/public/1_ok.sql': 'create table ok ()',
      'sql/public/2_tenant.sql': 'grant select on ok to\n  {{tenant}}_rw',
      'sql/tenant/1_t.sql': `create table t ();\ngrant select on t to "{{app_role}}";`,
    },
  );
  for (const args of [['up', '--all'], ['plan'], ['check']]) {
    const { code, stderr, stdout } = await sqlmig([...args, '--json'], p.dir);
    expect(code).toBe(2);
    expect(JSON.parse(stdout).errors).toMatchObject([
      { code: 'bad-placeholder', file: 'sql/public/2_tenant.sql', line: 2, column: 3, caret: 3 },
      {
        code: 'placeholder-unset',
        file: 'sql/tenant/1_t.sql',
        line: 2,
        column: 23,
        caret: 23,
        lineText: 'grant select on t to "{{app_role}}";',
        hint: 'set vars.app_role in the config, or the variable SQLMIG_VAR_APP_ROLE',
      },
    ]);
    expect(stderr).toContain('sql/tenant/1_t.sql:2:23');
  }
  expect(await db.query(`select to_regclass('ok') as t`)).toEqual([{ t: null }]);
});

test('check needs no server, and accepts what has a value', async () => {
  const p = project(
    { vars: { role: 'x' } },
    { 'sql/tenant/1_t.sql': 'create table t (); grant select on t to {{role}}, {{tenant}}_rw' },
  );
  expect(await sqlmig(['check'], p.dir)).toMatchObject({ code: 0, stdout: '1 file, no warnings\n' });
  expect(await sqlmig(['new', 'more', '--tenant'], p.dir)).toMatchObject({ code: 0 });
});

test('the checksum is of the file: a changed or missing value changes no history', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] }, vars: { name: 'first' } },
    {
      'sql/tenant/1_t.sql': 'create table {{name}} ();',
      'sql/tenant/R__v.sql': "create or replace view v as select {{'name'}} as name",
    },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 2 });
  for (const vars of [{ name: 'second' }, {}]) {
    p.write({
      'sqlmig.config.json': JSON.stringify({ url: db.url, tenants: { list: ['acme', 'globex'] }, vars }),
    });
    const config = await p.config();
    expect(await verify(config)).toMatchObject({ ok: true, findings: [] });
    expect(await status(config)).toMatchObject({ ok: true });
    expect(await up(config, { select: all })).toMatchObject({ ok: true, applied: 0, upToDate: 3 });
  }
  expect(await sqlmig(['verify', '--strict'], p.dir)).toMatchObject({ code: 0 });
});

test.for([
  ['short', 'x'],
  ['long', 'a rather long value'.repeat(5)],
])('errors of the server are at their place in the file after a %s value', async ([, value = '']) => {
  const db = await freshDatabase();
  const start = `create table t ();\n/* Ü🐘 */ select {{'value'}}, `;
  const p = project(
    { url: db.url, tenants: { list: ['acme'] }, vars: { value, column: 'nope_col' } },
    {
      'sql/tenant/1_before.sql': `create table before ();\nselect {{'value'}};`,
      'sql/tenant/2_position.sql': `${start}nope from t;`,
    },
  );
  const errorOf = async () => {
    const result = await up(await p.config(), { select: all });
    return result.schemas.find(({ schema }) => schema === 'acme')?.error;
  };
  const column = 1 + [..."/* Ü🐘 */ select {{'value'}}, "].length;
  expect(await errorOf()).toMatchObject({
    message: 'column "nope" does not exist',
    line: 2,
    column,
    caret: column,
    lineText: "/* Ü🐘 */ select {{'value'}}, nope from t;",
    statement: 2,
    statements: 2,
  });
  p.write({ 'sql/tenant/2_position.sql': `select {{'value'}}, x.{{column}} from (select 1) x;` });
  expect(await errorOf()).toMatchObject({ line: 1, column: 21, statement: 1 });
  // Without a position, the statement is found by running the file again.
  p.write({ 'sql/tenant/2_position.sql': `select {{'value'}};\nselect {{'value'}}, 1 / length('');` });
  expect(await errorOf()).toMatchObject({ line: 2, column: 1, statement: 2 });
  p.write({ 'sql/tenant/2_position.sql': `vacuum;\nselect {{'value'}};\nselect {{'value'}}, nope;` });
  expect(await errorOf()).toMatchObject({
    line: 3,
    column: 21,
    statement: 3,
    lineText: `select {{'value'}}, nope;`,
  });
});

test('a non-transactional file continues with its values, by up and by repair', async () => {
  const db = await freshDatabase();
  await db.query('create table public.open (name text)');
  const p = project(
    { url: db.url, tenants: { list: ['a-1', 'b-2'] }, vars: { setting: 'sqlmig.test' } },
    {
      'sql/tenant/1_t.sql': 'create table t (a int, by text)',
      'sql/tenant/2_index.sql': `set {{setting}} = 'on';
create index concurrently {{tenant}}_idx on t (a);
insert into t select 1 / count(*), current_setting({{'setting'}}) from public.open where name = {{'tenant'}};
insert into t values (2, {{'tenant'}});`,
    },
  );
  const first = await up(await p.config(), { select: all, maxFailures: { count: 9 } });
  expect(first.schemas.map(({ error }) => [error?.code, error?.statement, error?.line])).toEqual([
    [undefined, undefined, undefined],
    ['migration-failed', 3, 3],
    ['migration-failed', 3, 3],
  ]);
  await db.query(`insert into public.open values ('a-1'), ('b-2')`);
  expect(await sqlmig(['up', '--tenants', 'a-1'], p.dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['repair', 'b-2', '2', '--from-statement', '3'], p.dir)).toMatchObject({ code: 0 });
  for (const tenant of ['a-1', 'b-2']) {
    expect(await db.query(`select a, by from "${tenant}".t order by a`)).toEqual([
      { a: 1, by: 'on' },
      { a: 2, by: tenant },
    ]);
    expect(
      await db.query(
        `select indisvalid from pg_index where indexrelid = '"${tenant}"."${tenant}_idx"'::regclass`,
      ),
    ).toEqual([{ indisvalid: true }]);
  }
});

test('a tenant file cannot reach public or another schema by way of a placeholder', async () => {
  const db = await freshDatabase();
  await db.query(
    'create schema acme_old; create table acme_old.t (); create schema other; create table other.t (); create table public.acme_log ()',
  );
  const attempts: [string, string][] = [
    ['alter table {{tenant}}_log add x int', 'changes-public'],
    ['drop table "public".{{tenant}}_log', 'changes-public'],
    ['alter table {{tenant}}_old.t add x int', 'changes-other-schema'],
    ['alter table {{other}}.t add x int', 'changes-other-schema'],
    [
      "do $$ begin execute (select format('alter table %I.t add x int', 'other')); end $$",
      'changes-other-schema',
    ],
    ['drop schema {{tenant}} cascade', 'changes-history'],
  ];
  for (const [text, code] of attempts) {
    const p = project(
      { url: db.url, tenants: { list: ['acme'] }, vars: { other: 'other' } },
      { 'sql/tenant/1_t.sql': text },
    );
    const { schemas } = await up(await p.config(), { select: all });
    expect([text, schemas.find(({ schema }) => schema === 'acme')?.error?.code]).toEqual([text, code]);
  }
  expect(await db.query(`select to_regclass('public.acme_log')::text as t`)).toEqual([{ t: 'acme_log' }]);
});

test('many tenants with one quick file share messages, each with its own name', async () => {
  const db = await freshDatabase();
  const tenants = [...numbered('many', 120), 'x'.repeat(62)];
  const settings = { url: db.url, tenants: { list: tenants }, vars: {}, concurrency: 2 };
  const p = project(settings, { 'sql/tenant/1_t.sql': 'create table t (name text)' });
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true });
  p.write({
    'sql/tenant/2_v.sql': `insert into t values ({{'tenant'}}); create view {{tenant}}_v as select * from t`,
  });
  const result = await up(await p.config(), { select: all, maxFailures: { count: 2 } });
  expect(
    result.schemas
      .filter(({ state }) => state === 'failed')
      .map(({ schema, error }) => [schema, error?.code, error?.column]),
  ).toEqual([['x'.repeat(62), 'bad-placeholder', 50]]);
  const wrong = [];
  for (const tenant of tenants.slice(0, -1)) {
    const rows = await db.query(`select name from ${tenant}.${tenant}_v`);
    if (rows.length !== 1 || rows[0]?.name !== tenant) wrong.push(tenant);
  }
  expect(wrong).toEqual([]);
});

test('a rehearsal runs the filled files and keeps nothing', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: ['a-1', 'b-2'] }, vars: { t: 'Things' } },
    {
      'sql/public/1_p.sql': 'create table {{t}} ()',
      'sql/tenant/1_t.sql':
        'create table {{tenant}}_t (); select count(*) from "{{t}}"; select nope_{{tenant}}',
    },
  );
  const rehearsed = await up(await p.config(), {
    select: all,
    rehearse: true,
    maxFailures: { count: 9 },
  });
  const errors = rehearsed.schemas.flatMap(({ error }) =>
    error ? [[error.message, error.line, error.column]] : [],
  );
  expect(errors).toEqual([
    ['column "nope_a-1" does not exist', 1, 68],
    ['column "nope_b-2" does not exist', 1, 68],
  ]);
  expect(await db.query(`select to_regclass('"Things"') as t`)).toEqual([{ t: null }]);
});

test('a baseline is replayed with the values', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] }, vars: { t: 'Things', extra: 'extra' } },
    {
      'sql/public/1_p.sql': 'create table {{t}} (id int primary key); create schema {{extra}};',
      'sql/tenant/1_t.sql': `create table u (id int references {{t}}, n text default {{'extra'}});`,
    },
  );
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  await db.query('drop table public.schema_migrations, acme.schema_migrations, globex.schema_migrations');
  expect(await sqlmig(['adopt', '--baseline', '1', '--yes', '--all'], p.dir)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('adopted  3 schemas'),
  });
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
});

test('an edited file is accepted by repair without any value', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: ['acme'] }, vars: { t: 'things' } },
    { 'sql/tenant/1_t.sql': 'create table {{t}} ()' },
  );
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({ code: 0 });
  p.write({
    'sql/tenant/1_t.sql': 'create table {{t}} () -- edited',
    'sqlmig.config.json': JSON.stringify({ url: db.url, tenants: { list: ['acme'] }, vars: {} }),
  });
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 1 });
  expect(await sqlmig(['repair', '--all', '--yes'], p.dir)).toMatchObject({ code: 0 });
  expect(await sqlmig(['verify'], p.dir)).toMatchObject({ code: 0 });
});

test.for([
  [{ vars: { 'a-b': 'x' } }, {}, 'names that consist of letters'],
  [{ vars: { Tenant: 'x' } }, {}, 'must not set tenant'],
  [{ vars: {} }, { SQLMIG_VAR_TENANT: 'x' }, 'must not set tenant'],
  [{ vars: { a: 'x', A: 'y' } }, {}, 'differ only in case'],
  [{ vars: { a: 1 } }, {}, 'must be text'],
  [{ vars: { a: 'x\0y' } }, {}, 'NUL'],
  [{ vars: { a: '\ud800' } }, {}, 'surrogate'],
] as [Record<string, unknown>, Record<string, string>, string][])(
  '%j %j is refused',
  async ([settings, env, why]) => {
    const p = project({ url: 'postgres://x', ...settings });
    await expect(loadConfig({ cwd: p.dir, env })).rejects.toThrow(why);
  },
);

test('values of a caller override variables, which override the config', async () => {
  const p = project({ url: 'postgres://x', vars: { A: 'config', b: 'config', c: 'config' } });
  const env = { SQLMIG_VAR_A: 'variable', SQLMIG_VAR_B: 'variable', SQLMIG_VAR_c: 'none' };
  expect(unknownVariables(env)).toEqual([
    'the variable SQLMIG_VAR_c is unknown and has no effect; did you mean SQLMIG_VAR_C?',
  ]);
  const config = await loadConfig({ cwd: p.dir, env, overrides: { vars: { a: 'caller' } } });
  expect(config.vars).toEqual({ a: 'caller', b: 'variable', c: 'config' });
  expect(await checkFiles(config)).toMatchObject({ ok: true });
});

test('plan shows the lints of a file at their place', async () => {
  const db = await freshDatabase();
  const p = project(
    { url: db.url, tenants: { list: ['acme'] }, vars: { t: 'much longer than the placeholder' } },
    { 'sql/tenant/1_t.sql': `create table {{t}} ();\nselect {{'t'}}, '{{t}}';` },
  );
  expect((await plan(await p.config())).warnings).toMatchObject([
    { rule: 'placeholder-in-string', file: 'sql/tenant/1_t.sql', line: 2, column: 18 },
  ]);
});
