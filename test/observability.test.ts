import { readdirSync, readFileSync } from 'node:fs';
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
