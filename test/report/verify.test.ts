import { expect, test } from 'vitest';
import { createPaint } from '../../src/report/paint.ts';
import { verifyText } from '../../src/report/verify.ts';
import type { VerifyResult } from '../../src/verify-results.ts';
import { numbered } from '../setup/project.ts';

test('a finding of 400 tenants is one paragraph, with their number and the first names', () => {
  const shared = { database: 'd', scope: 'tenant' as const };
  const schemas = numbered('t', 400).map((schema) => ({
    ...shared,
    schema,
    version: '1',
    compared: 1,
    pending: 0,
  }));
  const findings = schemas.map(({ schema }) => ({
    ...shared,
    schema,
    kind: 'checksum-changed' as const,
    message: `1_a.sql was changed after ${schema} had it`,
  }));
  expect(verifyText({ ok: false, findings, schemas }, createPaint(false))).toBe(
    `checksum-changed: 1_a.sql was changed after t_1 had it
  in 400 tenants: ${numbered('t', 10).join(', ')} and 390 more
400 findings in 400 schemas of 400
compared 400 applied migrations in 400 schemas with the files
`,
  );
});

test('pending migrations of a kind of tenants are apart from those of all tenants', () => {
  const shared = { database: 'd', version: null, compared: 0, pending: 1 };
  const schemas = ['tenant', 'vip', 'vip'].map((scope, i) => ({
    ...shared,
    scope,
    schema: i < 2 ? 'a' : 'b',
  }));
  expect(verifyText({ ok: true, findings: [], schemas }, createPaint(false))).toContain(
    `pending: 1 migration in a, where nothing is applied
pending: 1 migration of scope vip in a, b, where nothing is applied
`,
  );
});

test('a tenant of several kinds is one schema', () => {
  const schemas = ['public', 'tenant', 'vip', 'eu'].map((scope) => ({
    database: 'd',
    scope,
    schema: scope === 'public' ? 'public' : 'a',
    version: '1',
    compared: 1,
    pending: 0,
  }));
  const text = (result: Pick<VerifyResult, 'ok' | 'findings'>) =>
    verifyText({ ...result, schemas }, createPaint(false));
  expect(text({ ok: true, findings: [] })).toBe('clean: 2 schemas match the files (4 applied migrations)\n');
  const finding = { kind: 'file-missing' as const, database: 'd', schema: 'a', message: 'm' };
  const findings = ['vip', 'eu'].map((scope) => ({ ...finding, scope }));
  expect(text({ ok: false, findings })).toContain(
    '2 findings in 1 schema of 2\ncompared 4 applied migrations in 2 schemas with the files\n',
  );
});
