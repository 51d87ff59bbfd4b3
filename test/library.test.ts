import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { errorOfAll } from '../src/errors.ts';
import {
  acceptChecksums,
  checkFiles,
  cloneTenant,
  createMigration,
  createTenant,
  dropTenant,
  finishMove,
  forgetMissing,
  killHolder,
  listTenants,
  loadConfig,
  locks,
  moveTenant,
  plan,
  type RunEvent,
  renameTenant,
  SqlmigError,
  settleMigration,
  settleMigrations,
  status,
  tenantExists,
  undoMove,
  up,
  verify,
} from '../src/index.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

const all = { kind: 'all', except: [] } as const;

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

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

// Whatever is refused is refused before anything is read or connected.
const config = await loadConfig({
  cwd: tmpdir(),
  env: {},
  overrides: { url: 'postgres://nowhere.invalid/db' },
});
const accept = () => true;

test.for([
  ['to', { to: 'abc' }],
  ['steps', { steps: -1 }],
  ['steps', { steps: 1.5 }],
  ['ignoreChanged', { ignoreChanged: 'no' }],
  ['lockTimeoutMs', { lockTimeoutMs: '5s' }],
  ['waitForLockMs', { waitForLockMs: Number.POSITIVE_INFINITY }],
  ['concurrentIndexJobs', { concurrentIndexJobs: 0 }],
  ['maxFailures', { maxFailures: 3 }],
  ['maxFailures', { maxFailures: { percent: 101 } }],
  ['canary', { canary: { names: [] } }],
  ['canary requires', { canary: 1, select: { kind: 'public' } }],
  ['canaryTolerate requires', { canaryTolerate: 1 }],
  ['select', { select: 'all' }],
  ['select', { select: { kind: 'all' } }],
  ['select', { select: { kind: 'tenants', names: [] } }],
  ['select is missing', { select: undefined }],
  ['signal', { signal: new AbortController() }],
  ['onEvent', { onEvent: 'log' }],
  // Ignored, these would migrate.
  ['dryRun', { dryRun: true }],
  ['rehearsal', { rehearsal: true }],
] as const)('up refuses a wrong %s as the command does: %j', async ([option, wrong]) => {
  const error = await up(config, { select: all, ...wrong } as never).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'bad-usage', message: expect.stringContaining(`option ${option}`) });
});

/** Options with what a verb requires, unless they are no object. */
const extend = (options: object, required: object) =>
  (typeof options === 'object' && options !== null && !Array.isArray(options)
    ? { ...required, ...options }
    : options) as never;

const calls: readonly (readonly [string, (config: never, options: never) => Promise<unknown>])[] = [
  ['up', up],
  ['plan', plan],
  ['status', status],
  ['verify', verify],
  ['checkFiles', checkFiles],
  ['locks', locks],
  ['listTenants', listTenants],
  ['killHolder', (c, o) => killHolder(c, extend(o, { pid: 1, confirm: accept }))],
  ['createTenant', (c, o) => createTenant(c, extend(o, { name: 'acme' }))],
  ['dropTenant', (c, o) => dropTenant(c, extend(o, { name: 'acme', accept }))],
  ['renameTenant', (c, o) => renameTenant(c, extend(o, { name: 'acme', to: 'globex' }))],
  ['cloneTenant', (c, o) => cloneTenant(c, extend(o, { name: 'acme', to: 'globex' }))],
  ['moveTenant', (c, o) => moveTenant(c, extend(o, { name: 'acme', to: 'postgres:///x', accept }))],
  ['finishMove', (c, o) => finishMove(c, extend(o, { name: 'acme', to: 'postgres:///x', accept }))],
  ['undoMove', (c, o) => undoMove(c, extend(o, { name: 'acme', to: 'postgres:///x', accept }))],
  ['tenantExists', (c, o) => tenantExists(c, extend(o, { name: 'acme' }))],
  ['acceptChecksums', (c, o) => acceptChecksums(c, extend(o, { select: all, accept }))],
  ['forgetMissing', (c, o) => forgetMissing(c, extend(o, { select: all, accept }))],
  ['settleMigration', (c, o) => settleMigration(c, extend(o, { schema: 'acme', version: '1' }))],
  ['settleMigrations', (c, o) => settleMigrations(c, extend(o, { select: all, how: { kind: 'resume' } }))],
  ['createMigration', (c, o) => createMigration(c, extend(o, { scope: 'tenant', name: 'x' }))],
];
const configs = [
  [{}, 'the config lacks database'],
  [undefined, 'the config is of type undefined'],
  [Promise.resolve(config), 'the config is a promise'],
  [{ ...config, concurrency: 0 }, '"concurrency" in the config: must be at least 1'],
  [{ ...config, historyTable: null }, '"historyTable" in the config'],
  [{ ...config, concurency: 2 }, 'unknown key "concurency" in the config'],
  [{ ...config, database: { url: 'postgres:///db' } }, 'the databases in the config'],
] as const;

test.for(calls)('%s says what is wrong with its arguments', async ([, call]) => {
  for (const [wrong, message] of configs) {
    const error = await call(wrong as never, { select: all } as never).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'config-invalid', message: expect.stringContaining(message) });
  }
  for (const wrong of [null, 'all', [], { signal: 'SIGINT' }, { stesp: 1 }]) {
    const error = await call(config as never, wrong as never).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'bad-usage', message: expect.stringContaining('option') });
  }
});

test.for([
  ['select', () => acceptChecksums(config, { select: 'all' as never, accept })],
  ['accept', () => forgetMissing(config, { select: all, accept: true as never })],
  ['accept', () => acceptChecksums(config, { select: all } as never)],
  ['pid', () => killHolder(config, { pid: '812' as never, confirm: accept })],
  ['schema', () => settleMigration(config, { schema: null as never, version: '1' })],
  ['version', () => settleMigration(config, { schema: 'acme', version: 1 as never })],
  [
    'how',
    () => settleMigration(config, { schema: 'acme', version: '1', how: { kind: 'from', statement: 0 } }),
  ],
  ['how', () => settleMigration(config, { schema: 'acme', version: '1', how: 'resume' as never })],
  ['scope', () => createMigration(config, { scope: 'tenants' as never, name: 'x' })],
  ['name', () => createMigration(config, { scope: 'tenant' } as never)],
  ['name', () => createTenant(config, {} as never)],
] as const)('a wrong or missing %s is named', async ([option, call]) => {
  const error = await call().catch((e: unknown) => e);
  expect(error).toMatchObject({
    code: 'bad-usage',
    message: expect.stringContaining(`option ${option} `),
  });
});

test.for([
  ['options', null],
  ['cwd', { cwd: 5 }],
  ['file', { file: '' }],
  ['env', { env: null }],
  ['overrides', { overrides: null }],
  // Ignored, it would be another database.
  ['option url', { url: 'postgres:///elsewhere' }],
] as const)('loadConfig names a wrong %s: %j', async ([option, sources]) => {
  const error = await loadConfig(sources as never).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'bad-usage', message: expect.stringContaining(option) });
});

test('a verb that reads is interrupted by a signal, before and while it reads', async () => {
  const slow = project(
    { url: db.url, tenants: { query: "select 'a' from pg_sleep(30)" }, historyTable: 'slow_history' },
    {},
  );
  const config = await slow.config();
  for (const signal of [AbortSignal.abort(), AbortSignal.timeout(300)]) {
    for (const verb of [status, plan, verify, locks, listTenants]) {
      await expect(verb(config, { signal })).rejects.toMatchObject({ code: 'interrupted' });
    }
  }
  expect(await db.leftovers()).toEqual([]);
});

test('a listener that fails does no harm, and is a warning of the process once', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['heard'] }, historyTable: 'heard', publicSchema: 'heard_public' },
    { 'sql/tenant/1_t.sql': 'create table t ()' },
  );
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  onTestFinished(() => void process.removeListener('warning', onWarning));
  const listeners = [
    () => {
      throw new Error('no disk');
    },
    async () => {
      throw new Error('no disk');
    },
  ];
  for (const onEvent of listeners) {
    expect(await up(await p.config(), { select: all, onEvent })).toMatchObject({ ok: true });
    expect(await status(await p.config(), { onEvent })).toMatchObject({ ok: true });
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings.map(({ name }) => name)).toEqual(['SqlmigWarning', 'SqlmigWarning']);
  expect(warnings[0]?.message).toContain('no disk');
});

test('only true accepts a changed file', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['accepts'] }, historyTable: 'accepts', publicSchema: 'accepts_public' },
    { 'sql/tenant/1_t.sql': 'create table t ()' },
  );
  const config = await p.config();
  await up(config, { select: all });
  p.write({ 'sql/tenant/1_t.sql': 'create table t (id int)' });
  await expect(acceptChecksums(config, { select: all, accept: (() => 'no') as never })).rejects.toMatchObject(
    {
      code: 'bad-usage',
      message: 'the answer of accept takes true or false, not "no"',
    },
  );
  // What the caller's own function throws is the caller's.
  const refuse = () => {
    throw new TypeError('mine');
  };
  await expect(acceptChecksums(config, { select: all, accept: refuse })).rejects.toThrow(
    new TypeError('mine'),
  );
  expect((await acceptChecksums(config, { select: all, accept: () => false })).changed).toHaveLength(1);
  expect(await db.leftovers()).toEqual([]);
});

test('frozen options and one config serve two runs at once and all verbs', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['twice'] }, historyTable: 'twice', publicSchema: 'twice_public' },
    { 'sql/tenant/1_t.sql': 'create table t ()' },
  );
  const config = Object.freeze(await p.config());
  const options = Object.freeze({ select: Object.freeze({ ...all }), signal: new AbortController().signal });
  const results = await Promise.all([up(config, options), up(config, options), up(config, options)]);
  expect(results.map(({ ok }) => ok)).toEqual([true, true, true]);
  expect(results.reduce((n, { applied }) => n + applied, 0)).toBe(1);
  for (const verb of [status, plan, verify]) expect(await verb(config, options)).toMatchObject({ ok: true });
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
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () => createTenant(config, { name: 'signup', ifNotExists: true })),
  );
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
