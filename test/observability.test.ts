import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SpanKind, trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { acceptChecksums, createTenant, up } from '../src/index.ts';
import { spawnSqlmig, sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

const all = { kind: 'all', except: [] } as const;
const files = { 'sql/public/1_p.sql': 'create table p ()', 'sql/tenant/1_t.sql': 'create table t ()' };

test('--log-format json: run, tenant, migration and duration in every line that has them', async () => {
  const p = project({ url: db.url, tenants: { list: ['logged'] }, historyTable: 'log_history' }, files);
  const { stderr } = await sqlmig(['up', '--all', '--log-format', 'json'], p.dir);
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const [{ runId }] = lines;
  expect(runId).toMatch(/^[0-9a-f]{8}$/);
  expect(lines.every((line) => line.runId === runId && typeof line.time === 'string')).toBe(true);
  expect(lines.find((line) => line.type === 'migration-applied' && line.schema === 'logged')).toMatchObject({
    migration: { version: '1', name: 't', durationMs: expect.any(Number) },
  });
});

test('--metrics writes a text file for Prometheus, whole or not at all', async () => {
  const p = project(
    {
      url: db.url,
      tenants: { list: ['m1', 'm2'] },
      historyTable: 'metrics_history',
      publicSchema: 'm_public',
    },
    files,
  );
  await sqlmig(['up', '--all', '--metrics', 'sqlmig.prom'], p.dir);
  const text = readFileSync(join(p.dir, 'sqlmig.prom'), 'utf8');
  expect(text).toMatch(/^sqlmig_up_success 1$/m);
  expect(text).toMatch(/^sqlmig_up_migrations 3$/m);
  expect(text).toMatch(/^sqlmig_up_schemas\{state="applied"\} 3$/m);
  for (const line of text.trim().split('\n'))
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[\w-]+"\})? [\d.]+)$/);
  expect(readdirSync(p.dir).filter((file) => file.startsWith('sqlmig.prom'))).toEqual(['sqlmig.prom']);
});

test('--metrics says what is true of runs that could not begin, and a rehearsal leaves it alone', async () => {
  const p = project({ url: db.url, publicSchema: 'm_begin', historyTable: 'm_begin_history' }, files);
  const metrics = () => readFileSync(join(p.dir, 'm.prom'), 'utf8');
  const run = (...args: string[]) => spawnSqlmig(['up', '--metrics', 'm.prom', ...args], p.dir);
  expect((await run('--public')).code).toBe(0);
  const success = metrics();
  expect(success).toMatch(/^sqlmig_up_success 1$/m);
  for (const flag of ['--rehearse', '--dry-run']) {
    const { code, stderr } = await run('--public', flag);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining('the --metrics file is not written'),
    });
  }
  expect(metrics()).toBe(success);
  for (const [code, ...args] of [
    [3, '--all', '--url', 'postgres://u@127.0.0.1:1/db'],
    [2, '--all', '--tenant-dir', 'nowhere'],
    [2],
  ] as const) {
    writeFileSync(join(p.dir, 'm.prom'), success);
    expect((await run(...args)).code).toBe(code);
    expect(metrics()).toMatch(/^sqlmig_up_success 0$/m);
    expect(metrics()).toMatch(/^sqlmig_up_schemas\{state="failed"\} 0$/m);
  }
});

test.for(['nowhere/m.prom', '.', '', '/dev/null'])(
  '--metrics %j is refused before anything runs',
  async (file) => {
    const p = project({ url: 'postgres://u@127.0.0.1:1/db' }, files);
    const { code, stderr } = await sqlmig(['up', '--all', `--metrics=${file}`], p.dir);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('--metrics cannot write') });
  },
);

test('metrics that cannot be written after the run are reported, and the program starts', async () => {
  const p = project(
    {},
    {
      ...files,
      'm/keep': '',
      'vanish.mjs': `import { rmSync } from 'node:fs';
      const tenants = () => { rmSync('m', { recursive: true, force: true }); return []; };
      export default { url: ${JSON.stringify(db.url)}, publicSchema: 'm_lost', historyTable: 'm_lost_h', tenants };`,
    },
  );
  const args = ['up', '--all', '--config', 'vanish.mjs', '--metrics', 'm/m.prom'];
  const { code, stdout, stderr } = await spawnSqlmig([...args, '--', 'sh', '-c', 'echo app; exit 7'], p.dir);
  expect({ code, app: stdout.endsWith('app\n') }).toEqual({ code: 7, app: true });
  expect(stderr).toContain('error[output-failed]: cannot write the metrics: ENOENT');
  expect(stderr).not.toContain('    at ');
});

/** The spans that a test makes, by name. */
function tracing() {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
  onTestFinished(() => trace.disable());
  return (name?: string) => exporter.getFinishedSpans().filter((span) => (name ?? span.name) === span.name);
}

test('spans of OpenTelemetry where the application has set it up, by its conventions for databases', async () => {
  const spans = tracing();
  const p = project(
    { url: db.url, tenants: { list: ['traced', 'broken'] }, historyTable: 'trace_history', concurrency: 1 },
    {
      'sql/tenant/1_t.sql': 'create table t ()',
      'sql/tenant/2_u.sql': `do $$ begin if current_schema() = 'broken' then raise 'no'; end if; end $$`,
    },
  );
  const config = await p.config();
  await up(config, { select: all, maxFailures: { count: 2 } });
  const [run] = spans('sqlmig up');
  const database = decodeURIComponent(new URL(db.url).pathname.slice(1));
  expect(run).toMatchObject({
    status: { code: 2, message: 'no' },
    attributes: {
      'db.system.name': 'postgresql',
      'db.namespace': database,
      'sqlmig.applied': 1,
      'sqlmig.failed': 1,
      'sqlmig.run_id': expect.stringMatching(/^[0-9a-f]{8}$/),
    },
    events: [],
  });
  const [phase] = spans('sqlmig tenant');
  expect(phase?.parentSpanContext?.spanId).toBe(run?.spanContext().spanId);
  const schema = spans('sqlmig schema').find((span) => span.attributes['sqlmig.schema'] === 'broken');
  expect(schema?.parentSpanContext?.spanId).toBe(phase?.spanContext().spanId);
  const failed = spans('migrate 2_u').find((span) => span.status.code === 2);
  expect(failed).toMatchObject({
    kind: SpanKind.CLIENT,
    status: { message: 'no' },
    attributes: {
      'db.system.name': 'postgresql',
      'db.namespace': `${database}|broken`,
      'db.operation.name': 'migrate',
      'db.response.status_code': 'P0001',
      'error.type': 'P0001',
      'sqlmig.file': 'sql/tenant/2_u.sql',
      'sqlmig.line': 1,
    },
    events: [
      {
        name: 'exception',
        attributes: { 'exception.type': 'migration-failed', 'exception.message': 'no' },
      },
    ],
  });
  expect(failed?.parentSpanContext?.spanId).toBe(schema?.spanContext().spanId);
  expect(spans('migrate 1_t')).toHaveLength(2);
});

test('a run with nothing to do makes no span a schema, and each verb that writes makes one', async () => {
  const tenants = numbered('idle', 20);
  const p = project(
    { url: db.url, tenants: { list: tenants }, historyTable: 'idle_history', publicSchema: 'idle_public' },
    files,
  );
  const config = await p.config();
  await up(config, { select: all });
  const spans = tracing();
  await up(config, { select: all });
  expect(spans().map(({ name }) => name)).toEqual(['sqlmig public', 'sqlmig tenant', 'sqlmig up']);
  await createTenant(config, { name: 'idle_1', ifNotExists: true });
  await acceptChecksums(config, { select: all, accept: () => true });
  expect(spans('sqlmig tenant create')).toMatchObject([{ status: { code: 0 } }]);
  expect(spans('sqlmig repair')).toMatchObject([{ status: { code: 0 } }]);
});

test('a run that cannot begin is a span with what stood in its way', async () => {
  const spans = tracing();
  const p = project({ url: 'postgres://u:hunter2@127.0.0.1:1/shop', tenants: { list: ['a'] } }, files);
  const config = await p.config();
  await expect(up(config, { select: all })).rejects.toThrow();
  await expect(createTenant(config, { name: 'a' })).rejects.toThrow();
  p.write({ 'sql/tenant/1_again.sql': '' });
  await expect(up(config, { select: all })).rejects.toThrow();
  expect(
    spans().map(({ name, attributes, events }) => [name, attributes['error.type'], events.length]),
  ).toEqual([
    ['sqlmig up', 'connection-failed', 1],
    ['sqlmig tenant create', 'connection-failed', 1],
    ['sqlmig up', 'duplicate-version', 1],
  ]);
  const [run] = spans();
  expect(run?.attributes).toMatchObject({ 'server.address': '127.0.0.1', 'server.port': 1 });
  expect(JSON.stringify(spans().map(({ attributes, events }) => [attributes, events]))).not.toContain(
    'hunter2',
  );
});
