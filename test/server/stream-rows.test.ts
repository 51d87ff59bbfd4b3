import { Transform } from 'node:stream';
import { beforeAll, expect, test } from 'vitest';
import { SessionLost } from '../../src/server/answer.ts';
import type { Session } from '../../src/server/session.ts';
import { type CopyFailure, streamRows } from '../../src/server/stream-rows.ts';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import { testSession } from '../setup/unit.ts';

let from: TestDatabase;
let to: TestDatabase;
beforeAll(async () => {
  [from, to] = [await freshDatabase(), await freshDatabase()];
  await from.query(`create table a as select i as id, repeat('x', 100) || i as v from generate_series(1, 4000) i;
    create table hostile (v text); insert into hostile values (E'a\\tb\\nc\\\\d'), (null), ('\\.'), ('');
    create table twice as select 1 as id from generate_series(1, 2);
    create function fails(i int) returns int language plpgsql as $$ begin if i > 3000 then raise 'row %', i; end if; return i; end $$`);
  await to.query(`create table a (id int primary key, v text); create table hostile (v text); create table waits (id int primary key);
    create table twice (id int, unique (id) deferrable initially immediate)`);
});

async function passed<T>(work: (source: Session, target: Session) => Promise<T>): Promise<T> {
  const [source, target] = [await testSession(from.url), await testSession(to.url)];
  try {
    return await work(source, target);
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

const copy = (session: Session, text: string) => ({ session, text });

test('rows arrive as they are, and both sessions can be used afterwards', async () => {
  await passed(async (source, target) => {
    for (const table of ['a', 'hostile']) {
      const end = await streamRows(
        copy(source, `copy ${table} to stdout`),
        copy(target, `set local work_mem = '1MB'; copy ${table} from stdin`),
      );
      expect(end).toBe(table === 'a' ? 4000 : 4);
      const hash = `select count(*)::int as n, md5(string_agg(coalesce(x.v, 'null'), '|' order by x.v)) as h from ${table} x`;
      expect(await target.run(hash)).toEqual(await source.run(hash));
    }
  });
});

test.for([
  ['the source in the middle', 'copy (select fails(id) from a) to stdout', 'copy waits from stdin', 'from'],
  ['the source at once', 'copy nothing to stdout', 'copy waits from stdin', 'from'],
  ['the target at once', 'copy a to stdout', 'copy nothing from stdin', 'to'],
  ['the target in the middle', 'copy a to stdout', 'copy waits from stdin', 'to'],
  // Checked after the last row.
  ['the target at the end', 'copy twice to stdout', 'copy twice from stdin', 'to'],
] as const)('an error of %s is named, and nothing is kept', async ([, out, into, side]) => {
  await passed(async (source, target) => {
    await target.run('begin');
    const end = await streamRows(copy(source, out), copy(target, into));
    expect(end).toMatchObject({ side, error: { name: 'PostgresError' } });
    if (!target.lost) expect(await target.run('select count(*)::int as n from waits')).toEqual([{ n: 0 }]);
  });
  expect(
    await to.query('select (select count(*) from waits)::int as w, (select count(*) from twice)::int as t'),
  ).toEqual([{ w: 0, t: 0 }]);
});

test.for(['from', 'to'] as const)('a lost connection is one: %s', async (side) => {
  await passed(async (source, target) => {
    const victim = side === 'from' ? source : target;
    const [{ pid = 0 } = {}] = await victim.run('select pg_backend_pid() as pid');
    const own = side === 'from' ? from : to;
    // The rows stand still until the backend is gone.
    const hold = side === 'from' ? 'copy (select pg_sleep(60)) to stdout' : 'copy a (id, v) to stdout';
    const into = side === 'from' ? 'copy waits from stdin' : 'copy a from stdin where pg_sleep(60) is null';
    const ended = streamRows(copy(source, hold), copy(target, into));
    while (
      (await own.query(`select from pg_stat_activity where pid = ${pid} and wait_event = 'PgSleep'`))
        .length === 0
    );
    await own.query(`select pg_terminate_backend(${pid})`);
    const end = await ended;
    expect(end).toMatchObject({ side });
    expect((end as CopyFailure).error).toBeInstanceOf(SessionLost);
  });
});

test('the slower side sets the pace, so memory does not grow with the rows', async () => {
  await passed(async (source, target) => {
    const { stream, ended } = await source.copyOut(
      `copy (select repeat('x', 10000) from generate_series(1, 500)) to stdout`,
    );
    let taken = 0;
    let most = 0;
    const slow = new Transform({
      highWaterMark: 1,
      transform(chunk: Buffer, _, done) {
        taken += chunk.length;
        most = Math.max(most, stream.readableLength);
        setImmediate(done, null, chunk);
      },
    });
    const into = await target.copyIn('copy hostile from stdin');
    stream.pipe(slow).pipe(into.stream);
    await Promise.all([ended, into.ended]);
    expect(taken).toBe(500 * 10_001);
    expect(most).toBeLessThan(1_000_000);
  });
});
