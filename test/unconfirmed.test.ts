import { expect, test } from 'vitest';
import { createTenant, type Selection, up } from '../src/index.ts';
import { upSummary, upTable } from '../src/report/up.ts';
import { ownServer } from './setup/cluster.ts';
import { numbered, project } from './setup/project.ts';

// Nobody writes the log of asynchronous commits out for so long: a crash loses all that was not flushed on purpose.
const lazy = { wal_writer_delay: '10s', wal_writer_flush_after: '1GB' };
const tenants = numbered('t', 5);
const files = { 'sql/public/1_p.sql': 'create table p ()', 'sql/tenant/1_a.sql': 'create table a ()' };

async function losesTenantsOfUp(select: Selection): Promise<void> {
  const server = await ownServer(lazy);
  const p = project({ url: server.url, tenants: { list: tenants } }, files);
  const config = await p.config();
  let finished = 0;
  const result = await up(config, {
    select,
    onEvent: (event) => {
      if (event.type === 'schema-finished' && event.outcome.scope === 'tenant') finished += 1;
      if (event.type === 'schema-finished' && finished === tenants.length) server.kill();
    },
  });
  expect(result).toMatchObject({
    ok: false,
    applied: 6,
    failed: 0,
    skipped: 0,
    unconfirmed: 5,
    error: {
      code: 'connection-failed',
      state: '5 tenants are not confirmed: the server may have lost what was committed there',
      hint: expect.stringContaining('run sqlmig up again'),
    },
  });
  const [shared, ...others] = result.schemas;
  // Public's commits wait for the disk.
  expect(shared).toMatchObject({ state: 'applied', migrations: [{ version: '1' }] });
  expect(shared).not.toHaveProperty('confirmed');
  expect(others).toMatchObject(tenants.map((schema) => ({ schema, state: 'applied', confirmed: false })));
  expect(upTable(result)).toMatch(
    /tenant +applied, not confirmed +1 migration +at 1 +t_1, t_2, t_3 and 2 more/,
  );
  expect(upSummary(result)).toMatch(
    /^\d+ schemas, \d+ migrations: 1 applied, 0 up to date, 0 failed, 5 not confirmed \(/,
  );

  await server.start();
  const next = await up(config, { select });
  expect(next).toMatchObject({ ok: true, unconfirmed: 0, failed: 0 });
  // All that was lost is done again, exactly once.
  const histories = tenants.map((tenant) => `select count(*)::int as n from ${tenant}.schema_migrations`);
  expect(await server.query(histories.join(' union all '))).toEqual(tenants.map(() => ({ n: 1 })));
}

/** With a flush for each commit, nothing is lost. */
async function losesNothing(): Promise<void> {
  const server = await ownServer(lazy);
  const p = project({ url: server.url, tenants: { list: ['t_1'] } }, files);
  const result = await up(await p.config(), {
    select: { kind: 'all', except: [] },
    sync: true,
    onEvent: (event) => {
      if (event.type === 'schema-finished' && event.outcome.scope === 'tenant') server.kill();
    },
  });
  expect(result).toMatchObject({ ok: true, applied: 2, unconfirmed: 0 });
}

async function losesCreatedTenant(): Promise<void> {
  const server = await ownServer(lazy);
  const p = project(
    { url: server.url, tenants: { list: ['t_1'] } },
    { 'sql/tenant/1_a.sql': files['sql/tenant/1_a.sql'] },
  );
  const outcome = await createTenant(await p.config(), {
    name: 't_1',
    onEvent: (event) => {
      if (event.type === 'schema-finished') server.kill();
    },
  });
  expect(outcome).toMatchObject({
    state: 'applied',
    confirmed: false,
    error: {
      code: 'connection-failed',
      schema: 't_1',
      state: expect.stringContaining('1 tenant is not confirmed'),
    },
  });
}

// Each waits twenty seconds for its server to come back.
test('a server that is gone before the flush leaves tenants unconfirmed, of up and of tenant create', async () => {
  await Promise.all([
    losesTenantsOfUp({ kind: 'all', except: [] }),
    losesTenantsOfUp({ kind: 'tenants', names: tenants }),
    losesNothing(),
    losesCreatedTenant(),
  ]);
});
