import { expect, test } from 'vitest';
import { finishMove, moveTenant, undoMove, up } from '../src/index.ts';
import { start } from './setup/cli.ts';
import { ownServer } from './setup/cluster.ts';
import { freshDatabase, type Rows } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';
import { tellingProxy } from './setup/proxy.ts';

const all = { kind: 'all', except: [] } as const;
const tenants = { list: ['acme'] };
// So many that a small server drops them in two transactions.
const names = numbered('t', 8);
const files = {
  'sql/tenant/1_a.sql': names.map((name) => `create table ${name} (id serial primary key);`).join('\n'),
};
const fill = `insert into acme.t_1 select from generate_series(1, 100)`;
const content = 'select count(*)::int as n, sum(id)::int as sum from acme.t_1';
const whole = { n: 100, sum: 5050 };

const configAt = (url: string) => project({ url, tenants, concurrency: 1 }, files).config();

interface Database {
  query(text: string): Promise<Rows>;
}

/** Whether the tenant accepts writes in each of the databases, and whether it exists there. */
const stateOf = (...databases: readonly Database[]) =>
  Promise.all(
    databases.map((db) =>
      db.query('update acme.t_1 set id = id where id = 1').then(
        () => 'open',
        ({ message }) => (/does not exist/.test(message) ? 'gone' : 'closed'),
      ),
    ),
  );

test('a killed server leaves an end of a move that the next run completes, and never two writable tenants', async () => {
  const [db, server] = [
    await freshDatabase(),
    await ownServer({ max_locks_per_transaction: '10', max_connections: '20' }),
  ];
  const [here, there] = await Promise.all([configAt(db.url), configAt(server.url)]);
  await up(here, { select: all });
  await up(there, { select: { kind: 'public' } });
  await db.query(fill);
  const out = { name: 'acme', to: server.url, accept: () => true };
  const home = { ...out, to: db.url };
  type End = (url: string, signal: AbortSignal) => Promise<{ readonly state: string }>;
  /** Kills the server before it receives a message; nobody waits until it is back. */
  const killedAt = async (text: string | RegExp, end: End) => {
    const stop = new AbortController();
    const kill = () => {
      if (stop.signal.aborted) return;
      stop.abort();
      server.kill();
    };
    const ended = await end(await tellingProxy(server.url, text, kill), stop.signal).catch(() => null);
    expect(stop.signal.aborted).toBe(true);
    expect(ended?.state ?? 'failed').toBe('failed');
    await server.start();
  };
  const notMoved = { code: 'not-moved' };
  const undoing: End = (to, signal) => undoMove(here, { ...out, to, signal });

  // The server that has the copy, while the move is undone.
  expect(await moveTenant(here, out)).toMatchObject({ state: 'moved' });
  await killedAt('COMMIT;\n', undoing);
  expect(await stateOf(db, server)).toEqual(['closed', 'open']);
  await killedAt(/DROP SCHEMA/, undoing);
  expect(await server.query(`select from pg_tables where schemaname = 'acme'`)).not.toHaveLength(9);
  expect(await stateOf(db)).toEqual(['closed']);
  await expect(finishMove(here, out)).rejects.toMatchObject(notMoved);
  await expect(moveTenant(here, out)).rejects.toMatchObject(notMoved);
  expect(await undoMove(here, out)).toMatchObject({ state: 'undone' });
  expect(await stateOf(db, server)).toEqual(['open', 'gone']);

  // The server that has the copy, while the move is finished.
  expect(await moveTenant(here, out)).toMatchObject({ state: 'moved' });
  await killedAt(/set state = 'finished'/, (to, signal) => finishMove(here, { ...out, to, signal }));
  expect(await stateOf(db, server)).toEqual(['closed', 'open']);
  expect(await finishMove(here, out)).toMatchObject({ state: 'finished' });
  expect(await stateOf(db, server)).toEqual(['gone', 'open']);

  // The server that the tenant comes from.
  expect(await moveTenant(there, home)).toMatchObject({ state: 'moved' });
  await killedAt(/DROP FUNCTION/, async (url, signal) => undoMove(await configAt(url), { ...home, signal }));
  expect(await stateOf(server, db)).toEqual(['closed', 'gone']);
  expect(await undoMove(there, home)).toMatchObject({ state: 'undone' });
  expect(await stateOf(server, db)).toEqual(['open', 'gone']);
  expect(await moveTenant(there, home)).toMatchObject({ state: 'moved' });
  await killedAt(/DROP SCHEMA/, async (url, signal) => finishMove(await configAt(url), { ...home, signal }));
  expect(await server.query(`select from pg_tables where schemaname = 'acme'`)).not.toHaveLength(9);
  expect(await stateOf(db)).toEqual(['open']);
  await expect(undoMove(there, home)).rejects.toMatchObject({
    code: expect.stringMatching(/not-moved|half-dropped/),
  });
  expect(await finishMove(there, home)).toMatchObject({ state: 'finished' });
  expect(await stateOf(server, db)).toEqual(['gone', 'open']);
  expect(await db.query(content)).toEqual([whole]);
  expect(await up(here, { select: all })).toMatchObject({ ok: true, applied: 0 });
});

test('a killed sqlmig leaves an end of a move that the next run completes', async () => {
  const [old, other] = [await freshDatabase(), await freshDatabase()];
  const p = project({ tenants }, files);
  const config = await configAt(old.url);
  await up(config, { select: all });
  await up(await configAt(other.url), { select: { kind: 'public' } });
  await old.query(fill);
  const options = { name: 'acme', to: other.url, accept: () => true };
  /** Kills the command when it has sent a message, which a database may still execute. */
  const killedAt = async (flag: string, side: 'from' | 'to', text: string | RegExp) => {
    const kill = () => void running.process.kill('SIGKILL');
    const proxied = await tellingProxy(side === 'from' ? old.url : other.url, text, kill);
    const [from, to] = side === 'from' ? [proxied, other.url] : [old.url, proxied];
    const running = start(['tenant', 'move', 'acme', '--to', to, '--url', from, flag, '--yes'], p.dir);
    expect(await running.ended).toMatchObject({ signal: 'SIGKILL' });
  };
  await moveTenant(config, options);
  await killedAt('--undo', 'to', /DROP SCHEMA/);
  await killedAt('--undo', 'from', /DROP FUNCTION/);
  expect(await undoMove(config, options)).toMatchObject({ state: 'undone' });
  expect(await stateOf(old, other)).toEqual(['open', 'gone']);
  await moveTenant(config, options);
  await killedAt('--finish', 'from', /DROP SCHEMA/);
  expect(await stateOf(other)).toEqual(['open']);
  await expect(undoMove(config, options)).rejects.toMatchObject({ code: 'not-moved' });
  expect(await finishMove(config, options)).toMatchObject({ state: 'finished' });
  expect(await stateOf(old, other)).toEqual(['gone', 'open']);
  expect(await other.query(content)).toEqual([whole]);
});
