import { expect, test } from 'vitest';
import { errorPictures } from '../../src/report/error.ts';
import { createPaint } from '../../src/report/paint.ts';
import { statesText } from '../../src/report/repair.ts';
import { upSummary } from '../../src/report/up.ts';
import { unmanagedText } from '../../src/report/version-text.ts';

const shared = { database: 'd', schema: 'acme' };
const error = { code: 'incomplete', message: '2_i was started but not finished', ...shared };
const inScopes = ['vip', 'gold'].map((scope) => ({ ...shared, scope, state: 'failed' as const, error }));

test('a tenant of several scopes is counted and named once', () => {
  const other = { ...shared, schema: 'globex', scope: 'vip', state: 'failed' as const, error };
  expect(statesText([...inScopes, other])).toBe('failed  2 schemas: acme, globex\n');
  expect(errorPictures([...inScopes, other], createPaint(false))).toContain('  also: globex\n');
  expect(errorPictures(inScopes, createPaint(false))).not.toContain('also');
  const schemas = [...inScopes, other].map((one) => ({ ...one, version: null, migrations: [] }));
  const counts = { applied: 0, upToDate: 0, failed: 3, skipped: 0, unconfirmed: 0 };
  const result = { ok: false, runId: 'r', ...counts, durationMs: 0, warnings: [], schemas };
  expect(upSummary(result)).toContain('3 failed: acme, globex (');
  const unmanaged = inScopes.map((one) => ({ ...one, unmanaged: true as const }));
  expect(unmanagedText(unmanaged)).toContain('not managed yet: 1 schema has tables');
});

test('the hint for a tenant of a kind names the flag for its files', () => {
  const hint =
    'hint: record the files of the scope that built it with: sqlmig adopt --baseline VERSION --scope NAME\n';
  const [vip] = inScopes.map((one) => ({ ...one, unmanaged: true as const }));
  if (vip === undefined) throw new RangeError('there is one');
  expect(unmanagedText([vip])).toContain(hint);
  expect(unmanagedText([vip])).not.toContain('adopt --history');
  const both = unmanagedText([{ ...vip, scope: 'tenant' }, vip]);
  expect(both).toContain(hint);
  expect(both).toContain('adopt --history');
});
