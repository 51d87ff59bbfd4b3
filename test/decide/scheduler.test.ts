import { expect, test } from 'vitest';
import type { Job } from '../../src/decide/job-queue.ts';
import type { RetryReason } from '../../src/decide/retry.ts';
import { createScheduler, type SchedulerRules } from '../../src/decide/scheduler.ts';

type Target = { readonly schema: string };
const named = (...names: string[]): Target[] => names.map((schema) => ({ schema }));
const noLimit = { failures: Number.POSITIVE_INFINITY, canaryFailures: 1 };
// Of all numbers this one leaves a list in its order (see `shuffled`), and makes every pause the longest.
const keepsOrder = 1 - Number.EPSILON;
const rules = (more: Partial<SchedulerRules<Target>> = {}): SchedulerRules<Target> => ({
  stopRule: noLimit,
  waitForLockMs: 60_000,
  random: () => keepsOrder,
  ...more,
});

type End = 'done' | 'failed' | 'refused' | RetryReason;

/**
 * Runs schemas through a scheduler with `workers` on a clock of its own: each attempt takes `ms` and comes to the next of
 * the ends given for its schema, the last one for good. Gives what happened, in order.
 */
function simulate(
  ends: Readonly<Record<string, readonly End[]>>,
  {
    workers = 1,
    ms = 10,
    checks,
    ...more
  }: Partial<SchedulerRules<Target>> & { workers?: number; ms?: number; checks?: 'pass' | 'fail' } = {},
): string[] {
  const scheduler = createScheduler<Target>(rules({ ...more, checksCanaries: checks !== undefined }));
  scheduler.add(named(...Object.keys(ends)));
  const attempts = new Map<string, number>();
  const log: string[] = [];
  let busy: { readonly job: Job<Target>; readonly until: number }[] = [];
  let now = 0;
  const settle = (job: Job<Target>, end: End) => {
    const { schema } = job.target;
    const [failed, behind] = [end !== 'done' && end !== 'refused', end !== 'done'];
    log.push(`${schema} ${behind ? (failed ? 'failed' : 'refused') : 'done'}`);
    scheduler.settled({ schema, failed, behind }, now);
  };
  const finish = (job: Job<Target>) => {
    const { schema } = job.target;
    const of = ends[schema] ?? [];
    const nth = attempts.get(schema) ?? 0;
    attempts.set(schema, nth + 1);
    const end = of[Math.min(nth, of.length - 1)] ?? 'done';
    if (end === 'done' || end === 'failed' || end === 'refused') settle(job, end);
    else if (!scheduler.retry(job, end, now)) settle(job, 'failed');
  };
  for (let turns = 0; turns < 10_000; turns++) {
    for (const { job } of busy.filter(({ until }) => until <= now)) finish(job);
    busy = busy.filter(({ until }) => until > now);
    let rest = Number.POSITIVE_INFINITY;
    while (busy.length < workers) {
      const action = scheduler.next(now);
      if (action.kind === 'done') break;
      if (action.kind === 'rest') {
        rest = action.until;
        break;
      }
      if (action.kind === 'check') {
        log.push(`checks ${action.canaries.join('+')}`);
        scheduler.checked(checks === 'pass');
      } else if (action.kind === 'report-wait')
        log.push(`${action.job.target.schema} waits ${action.waitedMs}`);
      else if (action.kind === 'give-up') {
        log.push(`gives up after ${action.waitedMs}`);
        for (const job of action.jobs) settle(job, 'failed');
      } else {
        const jobs = action.kind === 'start' ? action.jobs : [action.job];
        if (action.kind === 'start') log.push(`${jobs.map((job) => job.target.schema).join('+')} starts`);
        for (const job of jobs) busy.push({ job, until: now + ms });
      }
    }
    const next = Math.min(rest, ...busy.map(({ until }) => until));
    if (next === Number.POSITIVE_INFINITY)
      return [...log, ...scheduler.drain().map((job) => `${job.target.schema} left`)];
    now = Math.max(next, now + 1);
  }
  throw new Error(`no end: ${log.slice(-5).join(', ')}`);
}

test('schemas start in their random order, as many at once as there are workers', () => {
  expect(simulate({ a: ['done'], b: ['done'], c: ['done'] }, { workers: 2 })).toEqual([
    'a starts',
    'b starts',
    'a done',
    'b done',
    'c starts',
    'c done',
  ]);
});

test.for([
  [1, 1, ['a starts', 'a failed', 'b left', 'c left', 'd left']],
  [2, 1, ['a starts', 'a failed', 'b starts', 'b failed', 'c left', 'd left']],
  // What runs already comes to its end.
  [1, 2, ['a starts', 'b starts', 'a failed', 'b failed', 'c left', 'd left']],
  [1, 3, ['a starts', 'b starts', 'c starts', 'a failed', 'b failed', 'c done', 'd left']],
] as const)('after %i failures with %i workers no schema starts', ([failures, workers, log]) => {
  const stopRule = { failures, canaryFailures: 1 };
  const ends = { a: ['failed'], b: ['failed'], c: ['done'], d: ['done'] } as const;
  expect(simulate(ends, { stopRule, workers })).toEqual(log);
});

test('a refusal is no failure of the files, and stops only as that of a canary', () => {
  const stopRule = { failures: 1, canaryFailures: 1 };
  const ends = { a: ['refused'], b: ['done'] } as const;
  expect(simulate(ends, { stopRule })).toEqual(['a starts', 'a refused', 'b starts', 'b done']);
  expect(simulate(ends, { stopRule, canaries: new Set(['a']) })).toEqual(['a starts', 'a refused', 'b left']);
});

test('canaries come first, and the others wait for all of them, however many workers are free', () => {
  expect(
    simulate(
      { a: ['done'], b: ['done'], c: ['done'], d: ['done'] },
      { canaries: new Set(['b', 'd']), workers: 4 },
    ),
  ).toEqual(['b starts', 'd starts', 'b done', 'd done', 'a starts', 'c starts', 'a done', 'c done']);
});

test('a schema that must be looked at first waits for the canaries as well', () => {
  const scheduler = createScheduler<Target>(rules({ canaries: new Set(['b']) }));
  scheduler.add(named('a', 'b'), ({ schema }) => schema === 'a');
  expect(scheduler.next(0)).toMatchObject({ kind: 'start', jobs: [{ target: { schema: 'b' } }] });
  expect(scheduler.next(0)).toMatchObject({ kind: 'rest' });
  scheduler.settled({ schema: 'b', failed: false, behind: false }, 5);
  expect(scheduler.next(5)).toMatchObject({ kind: 'retry', job: { target: { schema: 'a' } } });
});

test('a canary that is tried again keeps the others waiting', () => {
  expect(
    simulate({ a: ['done'], b: ['busy', 'lost', 'done'] }, { canaries: new Set(['b']), workers: 2 }),
  ).toEqual(['b starts', 'b done', 'a starts', 'a done']);
});

test.for([
  [1, ['b starts', 'c starts', 'b failed', 'c done', 'a left']],
  [2, ['b starts', 'c starts', 'b failed', 'c done', 'a starts', 'a done']],
] as const)('with canary limit %i one failed canary decides', ([canaryFailures, log]) => {
  const more = { stopRule: { failures: 5, canaryFailures }, canaries: new Set(['b', 'c']), workers: 2 };
  expect(simulate({ a: ['done'], b: ['failed'], c: ['done'] }, more)).toEqual(log);
});

test('the check of the canaries comes once, after the last of them, without those that failed', () => {
  const ends = { a: ['done'], b: ['busy', 'done'], c: ['failed'], d: ['done'] } as const;
  const more = { canaries: new Set(['b', 'c', 'done before']), workers: 2 };
  const stopRule = { failures: 5, canaryFailures: 2 };
  const log = (checks: 'pass' | 'fail') => simulate(ends, { ...more, stopRule, checks });
  const before = ['b starts', 'c starts', 'c failed', 'b done', 'checks b+done before'];
  expect(log('pass')).toEqual([...before, 'a starts', 'd starts', 'a done', 'd done']);
  expect(log('fail')).toEqual([...before, 'a left', 'd left']);
  // Nothing is checked if too many failed; and it is if nothing else is left.
  expect(simulate(ends, { ...more, checks: 'pass' })).not.toContain(before.at(-1));
  expect(simulate({ a: ['done'] }, { canaries: new Set(['a']), workers: 3, checks: 'fail' })).toEqual([
    'a starts',
    'a done',
    'checks a',
  ]);
});

test('while the canaries are being checked, the other workers wait for the answer', () => {
  const scheduler = createScheduler<Target>(rules({ canaries: new Set(['a']), checksCanaries: true }));
  scheduler.add(named('b'));
  expect(scheduler.next(0)).toEqual({ kind: 'check', canaries: ['a'] });
  expect(scheduler.next(0)).toMatchObject({ kind: 'rest' });
  expect(scheduler.isOver).toBe(false);
  scheduler.checked(false);
  expect(scheduler).toMatchObject({ stopped: 'check', isOver: true });
  expect(scheduler.next(0)).toEqual({ kind: 'done' });
});

test('a canary that was settled before anything started counts where it failed, and only there', () => {
  const scheduler = createScheduler<Target>(rules({ canaries: new Set(['up-to-date', 'refused']) }));
  scheduler.settled({ schema: 'up-to-date', failed: false, behind: false }, 0);
  scheduler.add(named('other'));
  expect(scheduler.next(0).kind).toBe('start');
  scheduler.settled({ schema: 'refused', failed: false, behind: true }, 0);
  expect(scheduler.next(0).kind).toBe('done');
  expect(scheduler.stopped).toBe('canaries');
});

test.for([
  ['lost', 5],
  ['lock-wait', 5],
  ['shared-rows', 5],
  ['stale', 10],
  ['public', 10],
] as const)('what is %s is tried again %i times and not once more', ([reason, most]) => {
  const scheduler = createScheduler<Target>(rules());
  scheduler.add(named('a'));
  let now = 0;
  const attempt = (): Job<Target> => {
    const action = scheduler.next(now);
    if (action.kind === 'report-wait') return attempt();
    if (action.kind === 'start') return action.jobs[0];
    if (action.kind === 'retry') return action.job;
    throw new Error(action.kind);
  };
  for (let again = 0; again < most; again++) {
    expect(scheduler.retry(attempt(), reason, now)).toBe(true);
    now += 2_000;
  }
  expect(scheduler.retry(attempt(), reason, now)).toBe(false);
});

test('one reason does not use up the retries of another', () => {
  const ends = [...Array<End>(5).fill('lost'), ...Array<End>(5).fill('lock-wait'), 'done'] as const;
  expect(simulate({ a: ends }).filter((line) => !line.includes('waits'))).toEqual(['a starts', 'a done']);
});

test('a busy schema is tried again while others are still being started', () => {
  const others = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`t${i}`, ['done'] as const]));
  const log = simulate({ busy: ['busy', 'done'], ...others }, { ms: 500 });
  expect(log.indexOf('busy done')).toBeGreaterThan(-1);
  expect(log.indexOf('busy done')).toBeLessThan(log.indexOf('t10 starts'));
});

test('a busy schema does not keep others from their first attempt', () => {
  const log = simulate({ busy: Array<End>(30).fill('busy').concat('done'), a: ['done'], b: ['done'] });
  expect(log.slice(0, 5)).toEqual(['busy starts', 'a starts', 'a done', 'b starts', 'b done']);
});

test('without progress it reports the wait, and gives up on all that is left when the time is over', () => {
  const log = simulate({ a: ['busy'], b: ['busy'], c: ['lost'] }, { waitForLockMs: 50_000 });
  const [waits, gaveUp] = [
    log.filter((line) => line.includes('waits')),
    log.find((line) => line.includes('gives up')),
  ];
  expect(waits.map((line) => Math.round(Number(line.split(' ')[2]) / 1_000))).toEqual([6, 36]);
  expect(gaveUp).toMatch(/^gives up after 5[0-2]\d\d\d$/);
  expect(log.filter((line) => line.endsWith('failed'))).toEqual(['c failed', 'a failed', 'b failed']);
});

test('progress in one schema puts off giving up on another', () => {
  // Each attempt at b is an end of its own only at the last; c and d settle late.
  const ends = {
    a: [...Array<End>(3).fill('busy'), 'done'],
    b: ['done'],
    c: ['done'],
    d: ['done'],
  } as const;
  const log = simulate(ends, { ms: 4_000, waitForLockMs: 12_000 });
  expect(log).not.toContainEqual(expect.stringContaining('gives up'));
  expect(log).toContain('a done');
});

test('nothing is given up while a migration runs for long', () => {
  const scheduler = createScheduler<Target>(rules({ waitForLockMs: 10_000 }));
  scheduler.add(named('long', 'busy'));
  const long = scheduler.next(0);
  const busy = scheduler.next(0);
  if (long.kind !== 'start' || busy.kind !== 'start') throw new Error('both start');
  scheduler.retry(busy.jobs[0], 'busy', 0);
  expect(scheduler.next(60_000).kind).toBe('retry');
});

test('schemas that share messages start together, and those that were not begun come back in their order', () => {
  const scheduler = createScheduler<Target>(rules({ companions: (_, next) => Math.min(2, next.length) }));
  scheduler.add(named('a', 'b', 'c', 'd'));
  const action = scheduler.next(0);
  if (action.kind !== 'start') throw new Error(action.kind);
  expect(action.jobs.map((job) => job.target.schema)).toEqual(['a', 'b', 'c']);
  const [, b, c] = action.jobs as readonly [Job<Target>, Job<Target>, Job<Target>];
  scheduler.settled({ schema: 'a', failed: false, behind: false }, 10);
  // Of b it is not known whether it was committed: it is looked at before anything else starts.
  scheduler.giveBack([{ ...b, retries: 1 }, c], 10);
  expect(scheduler.next(10)).toMatchObject({ kind: 'retry', job: { target: { schema: 'b' } } });
  expect(scheduler.next(10)).toMatchObject({
    kind: 'start',
    jobs: [{ target: { schema: 'c' } }, { target: { schema: 'd' } }],
  });
});

test('a worker gets the schemas that it prefers while there are any, alone and with others', () => {
  const scheduler = createScheduler<Target>(rules({ companions: (_, next) => Math.min(2, next.length) }));
  scheduler.add(named('a1', 'b1', 'a2', 'b2', 'a3', 'b3', 'a4', 'c'));
  const next = (letter: string) => {
    const action = scheduler.next(0, ({ schema }) => schema.startsWith(letter));
    return action.kind === 'start' ? action.jobs.map(({ target }) => target.schema) : action.kind;
  };
  expect(next('a')).toEqual(['a1', 'a2', 'a3']);
  expect(next('b')).toEqual(['b1', 'b2', 'b3']);
  expect(next('b')).toEqual(['a4', 'c']);
  expect(next('b')).toBe('rest');
});

test('a worker with a preference takes what is overdue first', () => {
  const scheduler = createScheduler<Target>(rules());
  scheduler.add(named('a', 'b'));
  const action = scheduler.next(0);
  if (action.kind !== 'start') throw new Error(action.kind);
  scheduler.retry(action.jobs[0], 'busy', 0);
  expect(scheduler.next(5_000, ({ schema }) => schema === 'b')).toMatchObject({ kind: 'retry' });
});

test('workers rest while others are at work, since what those do may come back', () => {
  const scheduler = createScheduler<Target>(rules());
  scheduler.add(named('a'));
  const action = scheduler.next(0);
  if (action.kind !== 'start') throw new Error(action.kind);
  expect(scheduler.next(0)).toEqual({ kind: 'rest', until: 1_000 });
  scheduler.settled({ schema: 'a', failed: false, behind: false }, 5);
  expect(scheduler.next(5)).toEqual({ kind: 'done' });
});

test('newcomers that are added after the end are started', () => {
  const scheduler = createScheduler<Target>(rules({ canaries: new Set(['x']) }));
  expect(scheduler.next(0).kind).toBe('done');
  scheduler.add(named('late'));
  expect(scheduler.next(0).kind).toBe('start');
});

test('a file that runs for longer than the limit and loses its connection is retried, not given up on', () => {
  const scheduler = createScheduler<Target>(rules({ waitForLockMs: 3_000 }));
  scheduler.add(named('a'));
  const action = scheduler.next(0);
  if (action.kind !== 'start') throw new Error(action.kind);
  scheduler.retry(action.jobs[0], 'lost', 6_000);
  expect(scheduler.next(8_100).kind).toBe('retry');
});

test('a schema that is about to fail counts at once, and once', () => {
  const scheduler = createScheduler<Target>(rules({ stopRule: { failures: 2, canaryFailures: 1 } }));
  scheduler.add(named('a', 'b', 'c'));
  scheduler.next(0);
  scheduler.failing('a');
  expect(scheduler.stopped).toBe(null);
  scheduler.settled({ schema: 'a', failed: true, behind: true }, 1);
  expect(scheduler.stopped).toBe(null);
  scheduler.next(1);
  scheduler.failing('b');
  expect(scheduler.stopped).toBe('tenants');
});
