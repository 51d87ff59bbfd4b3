import { beforeAll, expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { lockKey } from '../src/protocol/keys.ts';
import type { Session } from '../src/server/session.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';
import { applyPending, emptyTenant, testContext, testSession, uncheckedScript } from './setup/unit.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const context = { ...testContext, table: 'unit_history' };

async function withSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
  const session = await testSession(db.url);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

test.for([
  ['COMMIT', 'create table kept (); commit; create table after_it ()'],
  ['ROLLBACK', 'create table gone (); rollback; create table after_it ()'],
  ['COMMIT and BEGIN', 'create table kept2 (); commit; begin; create table after_it ()'],
] as const)('with the static check off, a file with %s is caught by the guard', async ([name, text]) => {
  const schema = `guard_${name.toLowerCase().replaceAll(' ', '_')}`;
  const target = emptyTenant(schema);
  const attempt = await withSession((session) =>
    applyPending(
      session,
      {
        schema: target,
        scripts: [uncheckedScript('1', text), uncheckedScript('2', 'create table second ()')],
        bootstrap: true,
      },
      { context, signal: new AbortController().signal },
    ),
  );
  expect(attempt).toMatchObject({ kind: 'failed', error: { code: 'transaction-ended' } });
  expect(
    await db.query(
      `select count(*)::int as n from pg_class where relname = 'second' and relnamespace = '${schema}'::regnamespace`,
    ),
  ).toEqual([{ n: 0 }]);
});

test.for(['BEGIN', 'COMMIT', 'ROLLBACK', 'START TRANSACTION', 'PREPARE TRANSACTION $$x$$', 'ABORT', 'END'])(
  '%s in a file is refused before anything is sent',
  async (statement) => {
    const p = project(
      { url: db.url, tenants: { list: ['refused'] } },
      { 'sql/tenant/1_a.sql': `select 1;\n${statement.replaceAll('$$', "'")};\nselect 2;` },
    );
    const { code, stderr } = await sqlmig(['up', '--all'], p.dir);
    expect(code).toBe(2);
    expect(stderr).toContain('error[transaction-control]');
    expect(stderr).toContain('1_a.sql:2:1');
    expect(await db.query(`select count(*)::int as n from pg_namespace where nspname = 'refused'`)).toEqual([
      { n: 0 },
    ]);
  },
);

test('an OID above 2^31 is a key of its own, and pg_locks shows the OID again', async () => {
  const oids = ['2147483648', '3000000000', '4294967295'];
  await withSession(async (session) => {
    for (const oid of oids) {
      await session.run(`select pg_advisory_lock(${lockKey(`${oid}::oid::int4`)})`);
    }
    const held = await db.query(
      `select objid::text as oid from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid() and objsubid = 2 and database = (select oid from pg_database where datname = current_database()) order by objid`,
    );
    expect(held.map((row) => row.oid)).toEqual(oids);
  });
});

test.for(['repeatable read', 'serializable'])('a default isolation of %s changes nothing', async (level) => {
  await db.query(`alter database ${db.name} set default_transaction_isolation = '${level}'`);
  const history = `${level.replace(' ', '_')}_history`;
  const tenants = numbered(level.replace(' ', '_'), 12);
  const p = project(
    { url: db.url, tenants: { list: tenants }, historyTable: history },
    {
      // Files of its own: under another history's name those of the round before would be taken for applied.
      'sql/public/1_p.sql': `-- ${level}\ncreate table if not exists runs (schema name)`,
      'sql/tenant/1_t.sql': `-- ${level}\ninsert into runs values (current_schema())`,
    },
  );
  const config = await p.config();
  await db.query('create table if not exists public.runs (schema name); truncate public.runs');
  const results = await Promise.all(Array.from({ length: 4 }, () => up(config, { select: all })));
  expect(results.map((result) => result.ok)).toEqual([true, true, true, true]);
  const runs = await db.query('select schema from public.runs');
  expect(runs.map((row) => row.schema).sort()).toEqual([...tenants].sort());
  await db.query(`alter database ${db.name} reset default_transaction_isolation`);
});

test('nothing a file sets outlives it', async () => {
  await db.query(
    'drop role if exists sqlmig_other; create role sqlmig_other; grant sqlmig_other to current_user',
  );
  const p = project(
    { url: db.url, tenants: { list: ['l1', 'l2', 'l3'] }, concurrency: 1, historyTable: 'leak_history' },
    {
      'sql/tenant/1_sets.sql': `set search_path = pg_catalog; set statement_timeout = '1h'; set work_mem = '7MB'; create temp table leak ();
        prepare leak as select 1; declare leak cursor with hold for select 1; listen leak; select pg_advisory_lock(42); set role sqlmig_other;`,
      'sql/tenant/2_sees.sql': `create table seen as select current_schemas(false) as path, current_setting('statement_timeout') as timeout,
        current_setting('work_mem') as mem, current_user = session_user as own_role, to_regclass('pg_temp.leak') as temp,
        (select count(*)::int from pg_prepared_statements) as prepared, (select count(*)::int from pg_cursors where name = 'leak') as cursors,
        (select count(*)::int from pg_locks where locktype = 'advisory' and objid = 42 and pid = pg_backend_pid()) as locks;`,
    },
  );
  expect(await up(await p.config(), { select: all })).toMatchObject({ ok: true, applied: 3 });
  for (const tenant of ['l1', 'l2', 'l3']) {
    expect(
      await db.query(
        `select path::text, timeout, mem, own_role, temp, prepared, cursors, locks from ${tenant}.seen`,
      ),
    ).toEqual([
      {
        path: `{${tenant},public}`,
        timeout: '0',
        mem: '4MB',
        own_role: true,
        temp: null,
        prepared: 0,
        cursors: 0,
        locks: 0,
      },
    ]);
  }
  await db.query('drop role sqlmig_other');
});

test('no session of ours is ever idle in a transaction, or idle with a snapshot', async () => {
  const p = project(
    { url: db.url, tenants: { list: numbered('idle', 60) }, historyTable: 'idle_history' },
    {
      'sql/tenant/1_a.sql': 'create table a (id int primary key)',
      'sql/tenant/2_b.sql': 'create table b (id int references a)',
      'sql/tenant/3_bad.sql': `select 1 / (case when current_schema() like '%7' then 0 else 1 end)`,
    },
  );
  let running = true;
  const bad: unknown[] = [];
  let seen = 0;
  // The view reads state and xmin one after the other, while a session goes on: only what is the same a second time stays.
  const once = new Set<string>();
  const stays = ({ pid, xmin, since }: Record<string, unknown>) => {
    const key = `${pid} ${xmin} ${since}`;
    return once.has(key) || !once.add(key);
  };
  const watch = (async () => {
    while (running) {
      const sessions = await db.query(
        `select pid, state_change::text as since, state, backend_xmin::text as xmin from pg_stat_activity where application_name like 'sqlmig%' and datname = current_database() and state <> 'active'`,
      );
      seen += sessions.length;
      bad.push(...sessions.filter((s) => s.state !== 'idle' || (s.xmin !== null && stays(s))));
    }
  })();
  const result = await up(await p.config(), { select: all, maxFailures: { percent: 100 } });
  running = false;
  await watch;
  expect(result).toMatchObject({ failed: 6, applied: 54 });
  expect(seen).toBeGreaterThan(0);
  // An error leaves the aborted transaction for the moment in which ROLLBACK is on its way.
  expect(bad.filter((s) => (s as { state: string }).state !== 'idle in transaction (aborted)')).toEqual([]);
});
