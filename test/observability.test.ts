import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { up } from '../src/index.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

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
  const run = (...args: string[]) => sqlmig(['up', '--metrics', 'm.prom', ...args], p.dir);
  expect((await run('--public')).code).toBe(0);
  const success = metrics();
  expect(success).toMatch(/^sqlmig_up_success 1$/m);
  for (const flag of ['--rehearse', '--dry-run']) {
    const { code, stderr } = await run('--public', flag);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining('--metrics stays as it is'),
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
  const { code, stdout, stderr } = await sqlmig([...args, '--', 'sh', '-c', 'echo app; exit 7'], p.dir);
  expect({ code, app: stdout.endsWith('app\n') }).toEqual({ code: 7, app: true });
  expect(stderr).toContain('error[output-failed]: cannot write the metrics: ENOENT');
  expect(stderr).not.toContain('    at ');
});

test('spans of OpenTelemetry where the application has set it up', async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
  onTestFinished(() => trace.disable());
  const p = project(
    { url: db.url, tenants: { list: ['traced', 'broken'] }, historyTable: 'trace_history', concurrency: 1 },
    { 'sql/tenant/1_t.sql': `do $$ begin if current_schema() = 'broken' then raise 'no'; end if; end $$` },
  );
  await up(await p.config(), { select: { kind: 'all', except: [] }, maxFailures: { count: 2 } });
  const spans = exporter.getFinishedSpans();
  const named = (name: string) => spans.filter((span) => span.name === name);
  const [run] = named('sqlmig.up');
  const schema = named('sqlmig.schema').find((span) => span.attributes['sqlmig.schema'] === 'traced');
  const [migration] = named('sqlmig.migration');
  expect(migration?.parentSpanContext?.spanId).toBe(schema?.spanContext().spanId);
  expect(schema?.parentSpanContext?.spanId).toBe(run?.spanContext().spanId);
  const broken = named('sqlmig.schema').find((span) => span.attributes['sqlmig.schema'] === 'broken');
  expect([broken?.status.code, run?.status.code]).toEqual([2, 2]);
});
