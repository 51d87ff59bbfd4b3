import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { afterAll, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase } from './setup/database.ts';
import { poolerMissing, startPooler } from './setup/pooler.ts';
import { project } from './setup/project.ts';

// Whoever may create things in public or in a tenant can give them the names of PostgreSQL's own functions, operators and
// types, with arguments that fit better. None of them may ever run with sqlmig's rights.

const db = await freshDatabase();
// The test itself must not step into the traps.
const outside = postgres(db.url, { max: 1, onnotice: () => {}, connection: { search_path: 'pg_catalog' } });
const query = async (text: string) =>
  [...(await outside.unsafe(text).simple())].flat() as Record<string, unknown>[];
afterAll(() => outside.end());
const source = fileURLToPath(new URL('../src', import.meta.url));

/** Every word that is called like a function in our source, the SQL in it among them. */
function calledNames(): string[] {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' });
  const texts = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(`${source}/${file}`, 'utf8'));
  const names = texts.flatMap((text) =>
    [...text.matchAll(/\b([a-z][a-z_0-9]+)\(/g)].map((match) => match[1] ?? ''),
  );
  return [...new Set(names)];
}

const signatures = [
  'text',
  'name',
  'oid',
  'bigint',
  'int',
  'record',
  'text, int',
  'bigint, text',
  'record, int',
  'int, int',
  'text, text',
  'name, text',
  'oid, "char"',
  'bigint, bigint',
  'bigint, int',
  'xid',
  'jsonb, text[]',
  'variadic text[]',
  '',
];
const operators = [
  '=',
  '<>',
  '<',
  '>',
  '<=',
  '>=',
  '||',
  '&',
  '#',
  '<<',
  '+',
  '-',
  '*',
  '/',
  '%',
  '~',
  '!~',
  '~*',
  '~~',
  '->',
  '->>',
];
const operands = [
  'bigint, text',
  'text, bigint',
  'name, text',
  'text, name',
  'text, text',
  'oid, oid',
  'oid, int',
  'int, oid',
  'oid, bigint',
  'bigint, oid',
  'name, name',
  '"char", text',
  'xid, int',
  'int, bigint',
  'bigint, int',
  'regclass, oid',
  'oid, regclass',
  'text, "char"',
  'record, record',
  'name[], name',
  'text[], text',
  'int, int',
];
const types = [
  'int4',
  'int8',
  'text',
  'name',
  'oid',
  'xid',
  'xid8',
  'regclass',
  'bool',
  'jsonb',
  'int',
  'numeric',
];

/** Fills a schema with traps: each raises an error that ends whatever uses it. */
async function trap(schema: string): Promise<void> {
  const [row] = await query(
    `select string_agg(distinct proname, ' ') as names from pg_proc where pronamespace = 'pg_catalog'::regnamespace`,
  );
  const real = new Set(String(row?.names).split(' '));
  const names = calledNames().filter((name) => real.has(name));
  expect(names.length).toBeGreaterThan(40);
  const body = (returns: string) =>
    `returns ${returns} language plpgsql as $t$ begin raise exception 'captured' using errcode = 'XX999'; end $t$`;
  const attempts = [
    ...names.flatMap((name) =>
      signatures.map(
        (args) =>
          `create function ${schema}.${name}(${args}) ${body(/count|sum|agg/.test(name) ? 'bigint' : 'text')}`,
      ),
    ),
    ...operands.flatMap((pair, i) => [
      `create function ${schema}.trap_${i}(${pair}) ${body('boolean')}`,
      ...operators.map(
        (operator) =>
          `create operator ${schema}.${operator} (leftarg = ${pair.split(', ')[0]}, rightarg = ${pair.split(', ')[1]}, function = ${schema}.trap_${i})`,
      ),
    ]),
    ...types.map((type) => `create domain ${schema}.${type} as pg_catalog.text check (false)`),
    ...[
      'pg_class',
      'pg_namespace',
      'pg_locks',
      'pg_depend',
      'pg_stat_activity',
      'pg_attribute',
      'pg_index',
      'pg_settings',
    ].map((table) => `create view ${schema}."${table}" as select 1 as captured`),
  ];
  await query(`do $do$ declare one text; begin foreach one in array array[${attempts.map((text) => `'${text.replaceAll("'", "''")}'`).join(', ')}] loop
    begin execute one; exception when others then null; end; end loop; end $do$`);
  const [made] =
    await query(`select (select count(*) from pg_proc where pronamespace = '${schema}'::regnamespace)::int as functions,
    (select count(*) from pg_operator where oprnamespace = '${schema}'::regnamespace)::int as operators`);
  expect(Number(made?.functions)).toBeGreaterThan(400);
  expect(Number(made?.operators)).toBeGreaterThan(200);
}

test.for(['direct', 'public before pg_catalog', 'pooler'] as const)(
  'nothing of ours runs what others planted: %s',
  async (how, { skip }) => {
    const missing = how === 'pooler' ? poolerMissing() : null;
    if (missing !== null) skip(missing);
    const role = how === 'public before pg_catalog' ? 'public, pg_catalog' : '"$user", public';
    await query(`alter database ${db.name} set search_path = ${role}; drop schema if exists acme cascade; drop schema if exists globex cascade;
    drop schema public cascade; create schema public`);
    const url = how === 'pooler' ? await startPooler(db.url, 'transaction', 3) : db.url;
    const p = project(
      { url, tenants: { list: ['acme', 'globex'] } },
      {
        'sql/public/1_p.sql': 'create table shared (id int primary key)',
        'sql/tenant/1_t.sql': 'create table t (id int)',
      },
    );
    const run = async (...args: string[]) => {
      const ended = await sqlmig(args, p.dir);
      expect(ended.stderr + ended.stdout).not.toMatch(
        /captured|XX999|does not exist|is ambiguous|is not unique/,
      );
      return ended;
    };
    expect(await run('up', '--all')).toMatchObject({ code: 0 });
    for (const schema of ['public', 'acme', 'globex']) await trap(schema);
    for (const args of [['status'], ['plan'], ['verify'], ['locks'], ['tenant', 'list']]) {
      expect(await run(...args)).toMatchObject({ code: 0 });
    }
    // Plain text only: what a file itself calls is its own business.
    p.write({
      'sql/public/2_p.sql': 'create table more ()',
      'sql/tenant/2_t.sql': 'create table u (); create table v (like t)',
      'sql/tenant/3_t.sql': 'do $$ begin perform 1; end $$',
      'sql/tenant/4_t.sql': 'create function own() returns void language sql as $$ $$; drop function own()',
      'sql/tenant/R__r.sql': 'create or replace view w as select id from t',
      ...(how === 'pooler'
        ? {}
        : {
            'sql/tenant/5_i.sql':
              'create index concurrently t_i on t (id); create index concurrently t_j on t (id)',
          }),
    });
    expect(await run('up', '--all', '--rehearse')).toMatchObject({ code: 0 });
    expect(await run('up', '--all')).toMatchObject({ code: 0 });
    expect(await run('up', '--all', '--digest')).toMatchObject({ code: 0 });
    expect(await run('status', '--check')).toMatchObject({ code: 0 });
    p.write({ 'sql/tenant/2_t.sql': '-- changed\ncreate table u (); create table v (like t)' });
    expect(await run('repair', '--all', '--yes')).toMatchObject({ code: 0 });
    expect(await run('tenant', 'create', 'initech', '--unlisted')).toMatchObject({ code: 0 });
    await query('drop schema initech, acme, globex, public cascade; create schema public');
  },
);
