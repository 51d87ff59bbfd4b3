import { expect, test } from 'vitest';
import type { RunEvent } from '../src/events.ts';
import { createJsonLog } from '../src/report/json-log.ts';
import { colorsWanted, createPaint } from '../src/report/paint.ts';
import { createProgress } from '../src/report/progress.ts';
import { numbered } from './setup/project.ts';

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

/** The last line of progress over events. */
function lastLine(events: readonly RunEvent[]): string | undefined {
  const lines: string[] = [];
  let clock = 0;
  const progress = createProgress({
    write: (line) => lines.push(line),
    live: false,
    columns: () => 80,
    verbose: false,
    paint: createPaint(false),
    now: () => clock,
  });
  for (const event of events) {
    progress.onEvent(event);
    clock += 5_000;
  }
  return lines.at(-1);
}

function run(live: boolean, columns = 80): string {
  let text = '';
  let clock = 0;
  const progress = createProgress({
    write: (chunk) => {
      text += chunk;
    },
    live,
    columns: () => columns,
    verbose: false,
    paint: createPaint(false),
    now: () => clock,
  });
  progress.onEvent({ type: 'run-started', runId: 'cafe', database: 'shop\n', host: 'db1:5432' });
  // Connecting takes longer than a line waits.
  clock += 5_000;
  progress.onEvent({ type: 'phase-started', scope: 'tenant', total: 30, pending: 20 });
  for (let i = 1; i <= 20; i++) {
    clock += 500;
    progress.onEvent(finished(`t${i}`, i === 15 ? 'failed' : 'applied'));
  }
  progress.end();
  return text;
}

test('no more schemas fail than are counted', () => {
  const start = { type: 'phase-started', scope: 'tenant', total: 3, pending: 2 } as const;
  const tenants = ['a', 'refused', 'b'].map((schema) => finished(schema, 'failed'));
  expect(lastLine([start, ...tenants])).toBe('tenant 3/3 (0.2/s, 3 failed)\n');
  expect(lastLine([start, ...tenants, start, finished('a', 'applied')])).toBe(
    'tenant 1/2 (0.2/s, 5 s left)\n',
  );
});

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

test.for([20, 30, 40, 80])('in a terminal of %i columns, the live line never wraps', (columns) => {
  const drawn = run(true, columns).replaceAll('\r\x1b[2K', '\n').split('\n');
  expect(drawn.filter((line) => line.includes('/20')).length).toBeGreaterThan(10);
  expect(drawn.filter((line) => /\d+\/\d+/.test(line) && line.length >= columns)).toEqual([]);
});

// environment, terminal, colors
test.for([
  [{}, true, true],
  [{}, false, false],
  [{ TERM: 'dumb' }, true, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ NODE_DISABLE_COLORS: '1' }, true, false],
  [{ FORCE_COLOR: '' }, false, true],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '3', NO_COLOR: '1', TERM: 'dumb' }, false, true],
  [{ FORCE_COLOR: '0' }, true, false],
  [{ FORCE_COLOR: 'false' }, true, false],
  [{ CLICOLOR_FORCE: '1' }, false, true],
  [{ CLICOLOR_FORCE: '0' }, false, false],
  [{ CLICOLOR_FORCE: '1', NO_COLOR: '1' }, false, false],
] as const)('%j, terminal %s: colors %s', ([env, isTty, colors]) => {
  expect(colorsWanted(env, isTty)).toBe(colors);
});

test.for(['errors', 'usual', 'all'] as const)('a log of %s tells each failure once', (tells) => {
  const lines: string[] = [];
  const { onEvent, end, failed } = createJsonLog((line) => lines.push(line), tells);
  const error = { code: 'migration-failed', message: 'no' };
  const outcome = {
    database: 'd',
    schema: 'a',
    scope: 'tenant',
    state: 'failed',
    version: null,
    migrations: [],
    error,
  } as const;
  onEvent({ type: 'run-started', runId: '1', database: 'd', host: 'h' });
  onEvent({ type: 'warning', message: 'w' });
  onEvent({ type: 'schema-finished', outcome });
  end();
  const other = { code: 'unlisted-tenant', message: 'other' };
  failed([outcome, { schema: 'b', error: other }, { schema: 'c', error: { code: 'stopped', message: '' } }]);
  const told = lines.map((line) => JSON.parse(line));
  expect(told.map(({ type }) => type)).toEqual(
    tells === 'errors'
      ? ['schema-finished', 'error']
      : ['run-started', 'warning', 'schema-finished', 'error'],
  );
  expect(told.at(-1)).toMatchObject({ runId: '1', ...other });
});

test('a log for machines has two lines for schemas that fail alike, and lists up to a hundred', () => {
  const lines: string[] = [];
  const log = createJsonLog((line) => lines.push(line), 'usual');
  const outcomes = numbered('t', 400).map((schema) => ({
    database: 'd',
    schema,
    scope: 'tenant' as const,
    state: 'failed' as const,
    version: null,
    migrations: [],
    error: { code: 'x', message: `no right to ${schema}.a`, schema, state: `${schema} is empty` },
  }));
  for (const outcome of outcomes) log.onEvent({ type: 'schema-finished', outcome });
  log.end();
  const failed = [...outcomes, { schema: 'other', error: { code: 'y', message: 'no' } }];
  log.failed([...failed, { schema: 'another', error: { code: 'y', message: 'no' } }]);
  const [first, others, late, ...more] = lines.map((line) => JSON.parse(line));
  expect(first).toMatchObject({ type: 'schema-finished', level: 'error', outcome: outcomes[0] });
  const { time: _, ...shared } = others;
  expect(shared).toEqual({
    type: 'schemas-finished',
    level: 'error',
    runId: null,
    state: 'failed',
    error: { code: 'x', message: 'no right to t_1.a' },
    schemas: numbered('t', 101).slice(1),
    count: 399,
  });
  expect(late).toMatchObject({ type: 'error', code: 'y', schemas: ['other', 'another'], count: 2 });
  expect(more).toEqual([]);
});

test('those that fail in the same way are one line, and one picture', () => {
  let text = '';
  const options = { live: false, columns: () => 80, verbose: false, paint: createPaint(false), now: () => 0 };
  const progress = createProgress({ ...options, write: (chunk) => (text += chunk) });
  const error = (schema: string) => ({ code: 'x', message: `no right to ${schema}.t` });
  for (const schema of ['a', 'b-1', "o'neil (c)"]) {
    const event = finished(schema, 'failed');
    if (event.type === 'schema-finished')
      progress.onEvent({ ...event, outcome: { ...event.outcome, error: error(schema) } });
  }
  progress.end();
  expect(text).toBe("failed a: no right to a.t\nfailed b-1, o'neil (c): same error: no right to a.t\n");
  text = '';
  progress.failed(['a', 'b', 'c'].map((schema) => ({ schema, error: error(schema) })));
  expect(text).toBe('error[x]: no right to a.t\n  also: b, c\n');
});
