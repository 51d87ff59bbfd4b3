import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { type Config, createGenerator } from 'ts-json-schema-generator';
import { beforeAll, expect, test } from 'vitest';
import { type Ended, sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { jsonText } from './setup/json-text.ts';
import { project } from './setup/project.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The name of each schema file, and the type that it is made of. */
const types = {
  up: 'UpDocument',
  down: 'DownDocument',
  'down-plan': 'DownPlanDocument',
  plan: 'PlanDocument',
  status: 'StatusDocument',
  verify: 'VerifyDocument',
  check: 'CheckDocument',
  locks: 'LocksDocument',
  runs: 'RunsDocument',
  'log-line': 'LogLine',
} as const;
type Name = keyof typeof types;

const generator = (how: Pick<Config, 'additionalProperties' | 'expose'>) =>
  createGenerator({
    path: `${root}src/report/documents.ts`,
    tsconfig: `${root}tsconfig.json`,
    skipTypeCheck: true,
    topRef: false,
    ...how,
  });

const published = generator({ additionalProperties: true, expose: 'export' });

test.for(Object.entries(types))('schema/%s.json is made of %s', async ([name, type]) => {
  const schema = jsonText(published.createSchema(type));
  await expect(`${schema}\n`).toMatchFileSnapshot(`../schema/${name}.json`);
});

// Keys that a schema does not name are mistakes here, so that no key is forgotten.
const exact = generator({ additionalProperties: false, expose: 'none' });
const ajv = new Ajv({ allowUnionTypes: true });
const validators = new Map<Name, readonly ReturnType<Ajv['compile']>[]>();

function problems(name: Name, value: unknown): unknown {
  const validate =
    validators.get(name) ??
    [published, exact].map((schemas) => ajv.compile(schemas.createSchema(types[name]) as object));
  validators.set(name, validate);
  const failed = validate.find((valid) => !valid(value));
  return failed === undefined ? null : { value, errors: failed.errors };
}

function checkLog({ stderr }: Ended): unknown[] {
  const lines = stderr.split('\n').filter((line) => line !== '');
  return lines
    .map((line) => JSON.parse(line))
    .map((line) => {
      expect(problems('log-line', line)).toBe(null);
      return line;
    });
}

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

/** Runs a command, and checks its document and its log. */
const printed =
  (dir: string) =>
  async (name: Name, args: readonly string[], folder = dir) => {
    const ended = await sqlmig([...args, '--json', '--verbose', '--log-format', 'json'], folder);
    const document = JSON.parse(ended.stdout);
    expect([args, problems(name, document)]).toEqual([args, null]);
    expect(document.version).toBe(1);
    return { document, log: checkLog(ended) };
  };

test('what the commands print is valid, whether they succeed, find something or cannot start', async () => {
  const settings = { url: db.url, tenants: { list: ['acme', 'globex'] } };
  const p = project(settings, {
    'sql/public/1_plans.sql': `create table plans (code text); do $$ begin raise warning 'w'; end $$;\n`,
    'sql/tenant/1_users.sql': 'create table users (id int);\n',
    'sql/tenant/2_risky.sql': 'create table t (id int references public.users);\n',
    'sql/tenant/2_risky.down.sql': 'drop tabel t;\n',
  });
  const json = printed(p.dir);
  await json('check', ['check']);
  await json('plan', ['plan']);
  await json('up', ['up', '--all', '--rehearse']);
  const { document, log } = await json('up', ['up', '--all']);
  expect(document).toMatchObject({ ok: false, applied: 1, failed: 2 });
  expect(log.at(-1)).toMatchObject({ type: 'run-finished', level: 'error', runId: document.runId });
  expect(log).toContainEqual(expect.objectContaining({ type: 'server-notice', level: 'warn' }));
  const plain = checkLog(await sqlmig(['up', '--all', '--max-failures', '9', '--log-format', 'json'], p.dir));
  expect(plain).toContainEqual(
    expect.objectContaining({ type: 'schemas-finished', level: 'error', count: 1 }),
  );
  await json('status', ['status']);
  p.write({ 'sql/tenant/1_users.sql': 'create table users (id bigint);\n' });
  await json('verify', ['verify']);
  await json('locks', ['locks']);
  const broken = project(settings, { 'sql/public/x.sql': '', 'sql/tenant/1_a.sql': 'selec' });
  for (const name of ['check', 'plan', 'status', 'verify', 'locks'] as const) {
    const { document, log } = await json(name, [name], broken.dir);
    expect(document).toMatchObject({ ok: false, error: { code: 'bad-file-name' } });
    expect(log.at(-1)).toMatchObject({ type: 'error', level: 'error' });
  }
  await json('up', ['up'], broken.dir);
});

test('so is what down prints', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['undone'] }, historyTable: 'undone_history' },
    { 'sql/tenant/1_a.sql': 'create table a ()', 'sql/tenant/1_a.down.sql': 'drop table a' },
  );
  const json = printed(p.dir);
  await json('up', ['up', '--all']);
  await json('down-plan', ['down', '--all', '--steps', '1', '--dry-run']);
  await json('down', ['down', '--all', '--steps', '1', '--rehearse']);
  const { document, log } = await json('down', ['down', '--all', '--steps', '1', '--yes']);
  expect(document).toMatchObject({ ok: true, undone: 1, unchanged: 1 });
  expect(log).toContainEqual(expect.objectContaining({ type: 'migration-undone' }));
  p.remove('sql/tenant/1_a.down.sql');
  await json('up', ['up', '--all']);
  const { document: refused } = await json('down', ['down', '--all', '--to', '0', '--yes']);
  expect(refused).toMatchObject({ ok: false, error: { code: 'down-missing' } });
});

test('every line of the log has a level and a run', async () => {
  const p = project({ url: 'postgres://127.0.0.1:1/none' });
  const log = checkLog(await sqlmig(['up', '--all', '--log-format', 'json'], p.dir));
  expect(log).toMatchObject([{ type: 'error', level: 'error', runId: null, code: 'connection-failed' }]);
});
