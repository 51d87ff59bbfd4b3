import { beforeAll, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

// Kind by verb, for every kind of object that PostgreSQL says can be in a schema (pg_get_object_address knows all kinds).
// `@` stands for the schema, `b` or public.

interface Kind {
  /** As pg_identify_object_as_address calls it. */
  readonly kind: string;
  /** Creates one that is called `x`, in schema `@`; a tenant file must not. */
  readonly create: string;
  /** Changes the `x` that is there. */
  readonly change: readonly string[];
  /** Its name after COMMENT ON, DROP and ALTER; `null` where COMMENT knows no such thing. */
  readonly named: string | null;
  readonly drop?: string;
}

const aggregate = 'create aggregate @.x(int) (sfunc = int4pl, stype = int, initcond = 0)';
const kinds: readonly Kind[] = [
  {
    kind: 'table',
    create: 'create table @.x (id int primary key, n text)',
    named: 'table @.x',
    change: [
      'alter table @.x add column z int',
      'alter table @.x rename to y',
      'alter table @.x enable row level security',
      'create table child () inherits (@.x)',
      'alter table @.x set (fillfactor = 50)',
      'alter table @.x set schema acme',
      'alter table @.x alter n set statistics 7',
      'truncate @.x',
      'alter table @.x owner to guard_other',
    ],
  },
  {
    kind: 'table column',
    create: 'alter table @.base add column x int',
    named: 'column @.base.id',
    change: ['alter table @.base alter id set default 3', 'alter table @.base rename id to i2'],
    drop: 'alter table @.base drop column n',
  },
  {
    kind: 'partitioned table',
    create: 'create table @.x (id int) partition by range (id)',
    named: null,
    change: ['create table p1 partition of @.x for values from (1) to (2)'],
    drop: 'drop table @.x',
  },
  {
    kind: 'index',
    create: 'create index x on @.base (n)',
    named: 'index @.x',
    change: ['alter index @.x rename to y', 'alter index @.x set (fillfactor = 50)'],
  },
  {
    kind: 'view',
    create: 'create view @.x as select 1 as id',
    named: 'view @.x',
    change: [
      'create or replace view @.x as select 2 as id',
      'alter view @.x rename to y',
      'alter view @.x set (security_barrier = true)',
    ],
  },
  {
    kind: 'materialized view',
    create: 'create materialized view @.x as select 1 as id',
    named: 'materialized view @.x',
    change: ['alter materialized view @.x rename to y', 'refresh materialized view @.x'],
  },
  {
    kind: 'sequence',
    create: 'create sequence @.x',
    named: 'sequence @.x',
    change: [
      'alter sequence @.x increment 5',
      'alter sequence @.x rename to y',
      'alter sequence @.x restart with 7',
    ],
  },
  {
    kind: 'composite type',
    create: 'create type @.x as (a int)',
    named: 'type @.x',
    change: ['alter type @.x add attribute b int', 'alter type @.x rename to y'],
  },
  {
    kind: 'enum',
    create: "create type @.x as enum ('a', 'b')",
    named: 'type @.x',
    change: [
      "alter type @.x rename value 'a' to 'c'",
      'alter type @.x rename to y',
      'alter type @.x owner to guard_other',
      "alter type @.x add value 'z'",
    ],
  },
  {
    kind: 'range',
    create: 'create type @.x as range (subtype = int4)',
    named: 'type @.x',
    change: ['alter type @.x rename to y'],
  },
  {
    kind: 'domain',
    create: 'create domain @.x as int',
    named: 'domain @.x',
    change: [
      'alter domain @.x add check (value > 0)',
      'alter domain @.x set default 3',
      'alter domain @.x rename to y',
      'alter domain @.x set not null',
    ],
  },
  {
    kind: 'function',
    create: "create function @.x() returns int language sql as 'select 1'",
    named: 'function @.x()',
    change: [
      "create or replace function @.x() returns int language sql as 'select 2'",
      'alter function @.x() stable',
      'alter function @.x() set schema acme',
      'alter function @.x() rename to y',
      'alter function @.x() owner to guard_other',
    ],
  },
  {
    kind: 'procedure',
    create: "create procedure @.x() language sql as 'select 1'",
    named: 'procedure @.x()',
    change: [
      "create or replace procedure @.x() language sql as 'select 2'",
      'alter procedure @.x() security definer',
    ],
  },
  {
    kind: 'aggregate',
    create: aggregate,
    named: 'aggregate @.x(int)',
    change: [
      'alter aggregate @.x(int) rename to y',
      aggregate.replace('create', 'create or replace').replace('initcond = 0', 'initcond = 5'),
    ],
  },
  {
    kind: 'operator',
    create: 'create operator @.#*# (leftarg = int, rightarg = int, function = int4pl)',
    named: 'operator @.#*# (int, int)',
    change: [
      'alter operator @.#*# (int, int) set schema acme',
      'alter operator @.#*# (int, int) owner to guard_other',
    ],
  },
  {
    kind: 'operator family',
    create: 'create operator family @.x using btree',
    named: 'operator family @.x using btree',
    change: [
      'alter operator family @.x using btree add operator 1 < (int4, int4)',
      'alter operator family @.x using btree rename to y',
    ],
  },
  {
    kind: 'operator class',
    create: 'create operator class @.x for type int4 using hash as operator 1 =, function 1 hashint4(int4)',
    named: 'operator class @.x using hash',
    change: ['alter operator class @.x using hash rename to y'],
  },
  {
    kind: 'collation',
    create: "create collation @.x (locale = 'C')",
    named: 'collation @.x',
    change: ['alter collation @.x rename to y', 'alter collation @.x owner to guard_other'],
  },
  {
    kind: 'conversion',
    create: "create conversion @.x for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8",
    named: 'conversion @.x',
    change: ['alter conversion @.x rename to y'],
  },
  {
    kind: 'text search configuration',
    create: 'create text search configuration @.x (copy = simple)',
    named: 'text search configuration @.x',
    change: [
      'alter text search configuration @.x alter mapping for word with english_stem',
      'alter text search configuration @.x rename to y',
    ],
  },
  {
    kind: 'text search dictionary',
    create: 'create text search dictionary @.x (template = simple)',
    named: 'text search dictionary @.x',
    change: [
      'alter text search dictionary @.x (accept = false)',
      'alter text search dictionary @.x rename to y',
    ],
  },
  {
    kind: 'text search parser',
    create:
      'create text search parser @.x (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype)',
    named: 'text search parser @.x',
    change: ['alter text search parser @.x rename to y'],
  },
  {
    kind: 'text search template',
    create: 'create text search template @.x (lexize = dsimple_lexize)',
    named: 'text search template @.x',
    change: ['alter text search template @.x rename to y'],
  },
  {
    kind: 'statistics object',
    create: 'create statistics @.x on id, n from @.base',
    named: 'statistics @.x',
    change: ['alter statistics @.x rename to y', 'alter statistics @.x set statistics 7'],
  },
  {
    kind: 'table constraint',
    create: 'alter table @.base add constraint x check (id > 0)',
    named: 'constraint x on @.base',
    change: ['alter table @.base rename constraint x to y'],
    drop: 'alter table @.base drop constraint x',
  },
  {
    kind: 'domain constraint',
    create: 'alter domain @.based add constraint x check (value > 0)',
    named: 'constraint x on domain @.based',
    change: ['alter domain @.based rename constraint x to y'],
    drop: 'alter domain @.based drop constraint x',
  },
  {
    kind: 'trigger',
    create:
      'create trigger x before update on @.base for each row execute function suppress_redundant_updates_trigger()',
    named: 'trigger x on @.base',
    change: ['alter table @.base disable trigger x', 'alter trigger x on @.base rename to y'],
  },
  {
    kind: 'rule',
    create: 'create rule x as on delete to @.base do also select 1',
    named: 'rule x on @.base',
    change: ['alter table @.base disable rule x', 'alter rule x on @.base rename to y'],
  },
  {
    kind: 'policy',
    create: 'create policy x on @.base',
    named: 'policy x on @.base',
    change: ['alter policy x on @.base using (false)', 'alter policy x on @.base rename to y'],
  },
  {
    kind: 'foreign table',
    create: 'create foreign table @.x (id int) server guard_server',
    named: 'foreign table @.x',
    change: ['alter foreign table @.x add column z int', 'alter foreign table @.x rename to y'],
  },
  {
    kind: 'extension',
    create: 'create extension pg_trgm schema @',
    named: null,
    change: ['alter extension pg_trgm set schema acme'],
    drop: 'drop extension pg_trgm',
  },
  {
    kind: 'default acl',
    create: 'alter default privileges in schema @ grant select on tables to guard_other',
    named: null,
    change: ['alter default privileges in schema @ grant insert on tables to guard_other'],
    drop: 'alter default privileges in schema @ revoke select on tables from guard_other',
  },
  {
    kind: 'schema',
    create: '',
    named: 'schema @',
    change: ['alter schema @ rename to renamed', 'alter schema @ owner to guard_other'],
    drop: 'drop schema @ cascade',
  },
];

// Kinds that live in no schema, or are parts of what is above: the table must know of each that PostgreSQL knows.
const elsewhere = [
  ...[
    'access method',
    'cast',
    'database',
    'event trigger',
    'foreign-data wrapper',
    'language',
    'large object',
    'parameter ACL',
    'publication',
    'publication relation',
    'role',
    'role membership',
    'server',
    'subscription',
    'tablespace',
    'transform',
    'user mapping',
    'type',
  ],
  ...[
    'default value',
    'publication namespace',
    'function of access method',
    'operator of access method',
    'index column',
    'view column',
    'foreign table column',
    'composite type column',
    'materialized view column',
    'toast table',
    'toast table column',
    'sequence column',
    'partitioned table column',
    'partitioned index',
  ],
];

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.query(
    `do $$ begin create role guard_other; exception when duplicate_object or unique_violation then null; end $$`,
  );
  await db.query(
    'create foreign data wrapper guard_wrapper; create server guard_server foreign data wrapper guard_wrapper',
  );
});

const base =
  "create table @.base (id int, n text); insert into @.base values (1, 'one'), (2, 'two'); create domain @.based as int;";
const fill = (text: string, schema: string) => text.replaceAll('@', schema);
/** All of the catalogs about a schema that a statement could have changed, as one text. */
const shape = (schema: string) => `select jsonb_agg(x order by x::text)::text as shape from (
  select to_jsonb(d) as x from pg_depend d where refclassid = 'pg_namespace'::regclass and refobjid = '${schema}'::regnamespace
  union all select to_jsonb(n) from pg_namespace n where nspname = '${schema}'
  union all select to_jsonb(c) - '{relpages,reltuples,relallvisible,relallfrozen,relhasindex,relhastriggers,relhasrules}'::text[] from pg_class c where relnamespace = '${schema}'::regnamespace
  union all select to_jsonb(a) from pg_attribute a join pg_class c on c.oid = attrelid where relnamespace = '${schema}'::regnamespace
  union all select to_jsonb(t) from pg_type t where typnamespace = '${schema}'::regnamespace
  union all select to_jsonb(p) from pg_proc p where pronamespace = '${schema}'::regnamespace
  union all select to_jsonb(k) from pg_constraint k where connamespace = '${schema}'::regnamespace
  union all select to_jsonb(e) from pg_enum e union all select to_jsonb(g) from pg_trigger g union all select to_jsonb(o) from pg_operator o where oid > 16384
  union all select to_jsonb(i) from pg_inherits i union all select to_jsonb(y) from pg_policy y union all select to_jsonb(z) from pg_description z where objoid > 16384) s`;

/** Applies one tenant file to acme and gives its error. */
async function apply(text: string) {
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, { 'sql/tenant/1_t.sql': text });
  const result = await up(await p.config(), { select: { kind: 'all', except: [] } });
  return result.schemas.find(({ schema }) => schema === 'acme');
}

async function reset(schema: string, kind: Kind, there: boolean) {
  await db.query(`drop schema if exists acme cascade; drop schema if exists b cascade; drop schema if exists renamed cascade; drop schema public cascade;
    drop publication if exists x; create schema public; create schema b; create table b.schema_migrations ()`);
  await db.query(fill(base, schema));
  if (there && kind.create !== '') await db.query(fill(kind.create, schema));
}

const granted: Readonly<Record<string, string>> = {
  table: 'select on @.x',
  view: 'select on @.x',
  sequence: 'usage on sequence @.x',
  function: 'execute on function @.x()',
  enum: 'usage on type @.x',
  schema: 'create on schema @',
  'table column': 'update (id) on @.base',
};

const schemas = ['public', 'b'] as const;
const cases = kinds.flatMap((kind) => [
  ...(kind.create === '' ? [] : [{ kind, verb: 'create', text: kind.create, there: false }]),
  ...kind.change.map((text) => ({ kind, verb: 'alter', text, there: true })),
  { kind, verb: 'drop', text: kind.drop ?? `drop ${kind.named}`, there: true },
  ...(kind.named === null
    ? []
    : [{ kind, verb: 'comment', text: `comment on ${kind.named} is 'mine'`, there: true }]),
  ...(granted[kind.kind] === undefined
    ? []
    : [
        { kind, verb: 'grant', text: `grant ${granted[kind.kind]} to guard_other`, there: true },
        { kind, verb: 'revoke', text: `revoke ${granted[kind.kind]} from guard_other`, there: true },
      ]),
]);

// CREATE EXTENSION itself never comes so far (see `extension-missing`).
const plain = cases.filter(({ text }) => !text.startsWith('create extension'));

/** What the schema of the last case was made for, and its shape, which a refused case has left as it was. */
let untouched: { readonly made: string; readonly shape: readonly unknown[] } | null = null;

/** Makes the schema that a case begins with, unless the case before has left just that. Gives its shape. */
async function begin(schema: (typeof schemas)[number], one: (typeof cases)[number], text: string) {
  const made = one.verb === 'revoke' ? text : `${schema} ${one.kind.kind} ${one.there}`;
  if (untouched?.made === made) {
    await db.query('drop schema if exists acme cascade');
    return untouched;
  }
  untouched = null;
  await reset(schema, one.kind, one.there);
  // The first run makes the log of runs in public.
  await apply('select 1');
  await db.query('drop schema acme cascade');
  if (one.verb === 'revoke') await db.query(text.replace(/^revoke/, 'grant').replace(' from ', ' to '));
  return { made, shape: await db.query(shape(schema)) };
}

/** Applies a file to acme that does what a case says to `schema`: refused with that schema untouched, or a free grant. */
async function tryIn(
  schema: (typeof schemas)[number],
  one: (typeof cases)[number],
  file: string,
  line?: number,
) {
  const before = await begin(schema, one, fill(one.text, schema));
  untouched = null;
  const outcome = await apply(file);
  if (one.verb === 'grant' && schema === 'public') return expect(outcome).toMatchObject({ state: 'applied' });
  const code = schema === 'public' ? 'changes-public' : 'changes-other-schema';
  expect(outcome?.error).toMatchObject({ code, ...(line !== undefined && { line }) });
  expect(await db.query(shape(schema))).toEqual(before.shape);
  untouched = before;
}

for (const schema of schemas) {
  const named = (some: readonly (typeof cases)[number][]) =>
    some.map((one) => [one.kind.kind, one.verb, fill(one.text, schema), one] as const);
  test.for(named(plain))(`${schema}: %s, %s: %s`, ([, , text, one]) =>
    tryIn(schema, one, `create table own ();\n${text};`, 2),
  );
  // The same by dynamic SQL, which no parser sees; of the other tenant once a kind, since nothing but the schema differs.
  const dynamic =
    schema === 'public' ? cases : cases.filter(({ verb }) => verb === 'create' || verb === 'drop');
  test.for(named(dynamic))(`${schema}, in a block: %s, %s: %s`, ([, , text, one]) =>
    tryIn(schema, one, `do $do$ begin execute $sql$${text}$sql$; end $do$;`),
  );
}

test('every kind of object that PostgreSQL knows has its place in this table', async () => {
  // The server tells a name that it does not know from one that it does.
  const known = [...kinds.map(({ kind }) => kind), ...elsewhere];
  const rows =
    await db.query(`select distinct (pg_identify_object(classid, objid, objsubid)).type as type from pg_depend where classid <> 0
    union select distinct (pg_identify_object('pg_class'::regclass, oid, 0)).type from pg_class`);
  const types = rows.map(({ type }) => String(type)).filter((type) => type !== 'null');
  expect(types.filter((type) => !known.includes(type))).toEqual([]);
});
