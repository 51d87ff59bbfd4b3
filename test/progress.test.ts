import { expect, test } from 'vitest';
import type { RunEvent } from '../src/events.ts';
import { createPaint } from '../src/report/paint.ts';
import { createProgress } from '../src/report/progress.ts';

const finished = (schema: string, state: 'applied' | 'failed'): RunEvent => ({
  type: 'schema-finished',
  outcome: {
    database: 'd',
    schema,
    scope: 'tenant',
    state,
    version: null,
    migrations: [],
    ...(state === 'failed' && {
      error: { code: 'x', message: 'no luck', file: 'f.sql', line: 2, column: 3 },
    }),
  },
});

function run(live: boolean): string {
  let text = '';
  let clock = 0;
  const progress = createProgress({
    write: (chunk) => {
      text += chunk;
    },
    live,
    verbose: false,
    paint: createPaint(false),
    now: () => clock,
  });
  progress.onEvent({ type: 'run-started', runId: 'cafe', database: 'shop\n', host: 'db1:5432' });
  progress.onEvent({ type: 'phase-started', scope: 'tenant', schemas: 30, pending: 20 });
  for (let i = 1; i <= 20; i++) {
    clock += 500;
    progress.onEvent(finished(`t${i}`, i === 15 ? 'failed' : 'applied'));
  }
  progress.end();
  return text;
}

test('in a pipe: a plain line every few seconds, failures at once', () => {
  expect(run(false)).toBe(
    [
      'database shop\\u{a} on db1:5432',
      'tenant 6/20 (2.0/s, 7 s left)',
      'tenant 12/20 (2.0/s, 4 s left)',
      'failed t15: no luck (f.sql:2:3)',
      'tenant 18/20 (2.0/s, 1 s left, 1 failed)',
      '',
    ].join('\n'),
  );
});

test('in a terminal: one line, drawn over, and gone at the end', () => {
  const text = run(true);
  expect(text.split('\n')).toHaveLength(3);
  expect(text.startsWith('database shop')).toBe(true);
  expect(text).toContain('█'.repeat(12) + '░'.repeat(12));
  expect(text.endsWith('\r\x1b[2K')).toBe(true);
});
