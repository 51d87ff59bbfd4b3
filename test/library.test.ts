import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { errorOfAll } from '../src/errors.ts';
import { createTenant, listTenants, type RunEvent, SqlmigError, up } from '../src/index.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;

test('an error is the same in JSON as in events and results, whatever caused it', () => {
  const cause: Error & { self?: unknown } = new Error('low');
  cause.self = cause;
  const error = new SqlmigError('sql-syntax', 'syntax error', { file: '1_a.sql', hint: 'see there', cause });
  expect(JSON.parse(JSON.stringify({ error }))).toEqual({ error: error.details });
  const all = errorOfAll([error, new SqlmigError('bad-file-name', 'no version')]);
  expect(JSON.parse(JSON.stringify(all.all)).map(({ code }: SqlmigError) => code)).toEqual([
    'sql-syntax',
    'bad-file-name',
  ]);
});

test('events tell the run in order', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] } },
    { 'sql/public/1_p.sql': 'create table p ()', 'sql/tenant/1_t.sql': 'create table t ()' },
  );
  const events: RunEvent[] = [];
  await up(await p.config(), { select: all, onEvent: (event) => events.push(event) });
  expect(events.map((event) => event.type)).toEqual([
    'run-started',
    'phase-started',
    'migration-applied',
    'schema-finished',
    'phase-started',
    'migration-applied',
    'schema-finished',
    'run-finished',
  ]);
  expect(await db.leftovers()).toEqual([]);
});

test('what cannot begin is an exception, with nothing left open', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme'] }, historyTable: 'typo' },
    { 'sql/tenant/1_t.sql': 'create tabel t ()' },
  );
  const error = await up(await p.config(), { select: all }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(SqlmigError);
  expect(error).toMatchObject({
    code: 'sql-syntax',
    details: { file: 'sql/tenant/1_t.sql', line: 1, column: 8 },
  });
  expect(await db.leftovers()).toEqual([]);
});

test('a signal that has fired starts nothing', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['never'] }, historyTable: 'never_history' },
    { 'sql/tenant/1_t.sql': 'create table t ()' },
  );
  const result = await up(await p.config(), { select: all, signal: AbortSignal.abort() });
  expect(result).toMatchObject({ ok: false, applied: 0, skipped: 1 });
  expect(await listTenants(await p.config())).toMatchObject([{ schema: 'never', exists: false }]);
});

test('twenty sign-ups of one tenant at once make it once', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['signup'] }, historyTable: 'twenty' },
    { 'sql/tenant/1_t.sql': 'create table t ()', 'sql/tenant/2_u.sql': 'create table u ()' },
  );
  const config = await p.config();
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => createTenant(config, 'signup')));
  expect(outcomes.filter((outcome) => outcome.state === 'failed')).toEqual([]);
  expect(outcomes.reduce((n, outcome) => n + outcome.migrations.length, 0)).toBe(2);
});

test('the built package can be imported by its name, and does not keep the process alive', async () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const p = project({ url: db.url, tenants: { list: [] }, historyTable: 'by_name' });
  const script = `import { loadConfig, status } from 'sqlmig';
    console.log(JSON.stringify((await status(await loadConfig({ cwd: ${JSON.stringify(p.dir)}, env: {} }))).ok));`;
  const printed = await new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['--input-type=module', '-e', script],
      { cwd: root, timeout: 30_000 },
      (error, stdout) => (error === null ? resolve(stdout) : reject(error)),
    );
  });
  expect(printed).toBe('true\n');
});
