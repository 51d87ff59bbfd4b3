import { expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { freshDatabase } from './setup/database.ts';
import { poolerMissing, startPooler } from './setup/pooler.ts';
import { project } from './setup/project.ts';

const db = await freshDatabase();
const all = { kind: 'all', except: [] } as const;

// What changes the meaning of a file's text, each with a statement that shows it.
const settings: readonly (readonly [name: string, value: string, shows: string, right: string])[] = [
  ['standard_conforming_strings', 'off', `'a\\b'`, 'a\\b'],
  ['backslash_quote', 'on', `current_setting('backslash_quote')`, 'safe_encoding'],
  ['quote_all_identifiers', 'on', `quote_ident('a')`, 'a'],
  ['array_nulls', 'off', `('{null}'::text[])[1]`, 'null'],
  ['transform_null_equals', 'on', `(null = null)::text`, 'null'],
  ['xmloption', 'document', `current_setting('xmloption')`, 'content'],
  ['xmlbinary', 'hex', `current_setting('xmlbinary')`, 'base64'],
  ['DateStyle', 'SQL, DMY', `'02/01/2024'::date::text`, '2024-02-01'],
  ['IntervalStyle', 'iso_8601', `interval '1 day'::text`, '1 day'],
  ['extra_float_digits', '-10', `(1.0 / 3)::float8::text`, '0.3333333333333333'],
  ['bytea_output', 'escape', `'abc'::bytea::text`, '\\x616263'],
  ['search_path', 'pg_catalog', `current_schema()::text`, 'acme'],
  [
    'default_transaction_isolation',
    'serializable',
    `current_setting('transaction_isolation')`,
    'read committed',
  ],
  ['default_transaction_deferrable', 'on', `current_setting('transaction_deferrable')`, 'off'],
];
const files = Object.fromEntries(
  settings.map(([name, , shows], i) => [
    `sql/tenant/${i + 1}_${name}.sql`,
    `create table ${name} as select ${shows} as v;`,
  ]),
);
const alone = Object.fromEntries(
  settings
    .filter(([name]) => !name.startsWith('default_'))
    .map(([name, , shows], i) => [
      `sql/tenant/${i + 101}_n_${name}.sql`,
      `-- sqlmig: no-transaction\ncreate table n_${name} as select ${shows} as v;`,
    ]),
);

test('what a role or database sets does not change what a file means', async () => {
  for (const [name, value] of settings) await db.query(`alter database ${db.name} set ${name} = ${value}`);
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, { ...files, ...alone });
  const result = await up(await p.config(), { select: all });
  expect(result.schemas[1]?.error).toBeUndefined();
  for (const [name, , , right] of settings) {
    const [row] = await db.query(`select coalesce(v, 'null') as v from acme.${name}`);
    expect({ [name]: row?.v }).toEqual({ [name]: right });
    if (name.startsWith('default_')) continue;
    const [outside] = await db.query(`select coalesce(v, 'null') as v from acme.n_${name}`);
    expect({ [name]: outside?.v }).toEqual({ [name]: right });
  }
});

test('what is a choice of the place is left', async () => {
  await db.query(
    `alter database ${db.name} set work_mem = '7MB'; alter database ${db.name} set timezone = 'Asia/Tokyo'`,
  );
  const p = project(
    { url: db.url, tenants: { list: ['globex'] } },
    {
      'sql/tenant/1_t.sql': `create table place as select current_setting('work_mem') || current_setting('timezone') as v`,
    },
  );
  await up(await p.config(), { select: all });
  expect(await db.query('select v from globex.place')).toEqual([{ v: '7MBAsia/Tokyo' }]);
});

test('behind a pooler the same, and what cannot be pinned there is refused', async ({ skip }) => {
  const missing = poolerMissing();
  if (missing !== null) skip(missing);
  const url = await startPooler(db.url, 'transaction', 2);
  const p = project({ url, tenants: { list: ['initech'] } }, files);
  await expect(p.config().then((config) => up(config, { select: all }))).rejects.toMatchObject({
    code: 'server-setting',
    message: expect.stringContaining('standard_conforming_strings'),
  });
  expect(await db.query(`select 1 from pg_namespace where nspname = 'initech'`)).toEqual([]);
  await db.query(
    `alter database ${db.name} reset standard_conforming_strings; alter database ${db.name} reset backslash_quote`,
  );
  const again = await startPooler(db.url, 'transaction', 2);
  const q = project({ url: again, tenants: { list: ['initech'] } }, files);
  expect((await up(await q.config(), { select: all })).schemas[1]?.error).toBeUndefined();
  for (const [name, , , right] of settings) {
    const [row] = await db.query(`select coalesce(v, 'null') as v from initech.${name}`);
    expect({ [name]: row?.v }).toEqual({ [name]: name === 'search_path' ? 'initech' : right });
  }
});
