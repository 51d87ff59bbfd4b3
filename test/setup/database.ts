import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { expect, inject, onTestFinished, TestRunner } from 'vitest';
import { isOurLock } from '../../src/protocol/keys.ts';

export type Rows = Record<string, unknown>[];

/** A database of a test file's own. */
export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  query(text: string): Promise<Rows>;
  /** `version` or `R__name` of every row of a history, with how often it is there. */
  history(schema: string): Promise<Record<string, number>>;
  /** Keys of ours in pg_locks, and sessions of ours that are left. */
  leftovers(): Promise<Rows>;
}

const madeForFile: (() => Promise<void>)[] = [];

/** Ends the databases that a file made outside of its tests; `file-end.ts` calls it. */
export async function endDatabasesOfFile(): Promise<void> {
  for (const end of madeForFile.splice(0)) await end();
}

/** Creates a database; after the test, or the file's tests, it must be free of our locks and sessions, and is dropped. */
export async function freshDatabase(): Promise<TestDatabase> {
  const serverUrl = inject('serverUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await once(serverUrl, `create database ${name}`);
  const url = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
  const sql = postgres(url, { max: 2, onnotice: () => {}, fetch_types: false, idle_timeout: 0 });
  const query = async (text: string) => [...(await sql.unsafe(text).simple())].flat() as Rows;
  const database: TestDatabase = {
    url,
    name,
    query,
    async history(schema) {
      const rows = await query(
        `select coalesce(version::text, 'R__' || name) as key, count(*)::int as n from "${schema.replaceAll('"', '""')}".schema_migrations group by 1`,
      );
      return Object.fromEntries(rows.map(({ key, n }) => [key, n]));
    },
    leftovers: () =>
      query(`select 'lock' as what, objid::text as which from pg_locks l join pg_database d on d.oid = l.database
          where ${isOurLock} and d.datname = current_database()
        union all select 'session', application_name from pg_stat_activity where application_name like 'sqlmig%' and datname = current_database()`),
  };
  const end = async () => {
    let left = await database.leftovers();
    // The server notices the end of a client, or of a pooler, a moment later.
    for (let tries = 0; left.length > 0 && tries < 100; tries++) {
      await delay(100);
      left = await database.leftovers();
    }
    await sql.end({ timeout: 5 });
    await once(serverUrl, `drop database ${name} with (force)`);
    expect(left).toEqual([]);
  };
  if (TestRunner.getCurrentTest() !== undefined) onTestFinished(end);
  else madeForFile.push(end);
  return database;
}

async function once(url: string, text: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, fetch_types: false });
  try {
    await sql.unsafe(text).simple();
  } finally {
    await sql.end({ timeout: 5 });
  }
}
