import { expect, test } from 'vitest';
import { chooseCanaries, parseMaxFailures, stopReason, stopRule } from '../../src/decide/stop-rule.ts';

test.for([
  ['1', 1_000, 1],
  ['5', 10, 5],
  ['1%', 1_000, 10],
  ['1%', 10, 1],
  ['100%', 7, 7],
  ['50%', 3, 2],
  ['10%', 0, 1],
] as const)('--max-failures %s of %i tenants is %i', ([text, tenants, failures]) => {
  const maxFailures = parseMaxFailures(text) ?? undefined;
  expect(stopRule(tenants, { maxFailures })).toEqual({ failures, canaryFailures: 1 });
});

test.for(['0', '-1', '0%', '101%', 'x', '', '1.5'])('--max-failures %j is nothing', (text) => {
  expect(parseMaxFailures(text)).toBe(null);
});

// limits, canaries that may fail, tenants that failed (canaries included), canaries that failed or were refused
test.for([
  [{}, 0, 0, 0, null],
  [{}, 0, 1, 0, 'tenants'],
  [{}, 0, 1, 1, 'canaries'],
  [{ maxFailures: { percent: 10 } }, 0, 5, 0, null],
  [{ maxFailures: { percent: 10 } }, 0, 6, 0, 'tenants'],
  [{ maxFailures: { percent: 10 } }, 0, 1, 1, 'canaries'],
  // A refusal is no failure of a tenant, but of a canary.
  [{ maxFailures: { percent: 10 } }, 0, 0, 1, 'canaries'],
  // What a canary may do must not end the run by the other rule.
  [{}, 1, 1, 1, null],
  [{}, 1, 2, 1, 'tenants'],
  [{}, 1, 2, 2, 'canaries'],
  [{ maxFailures: { count: 5 } }, 2, 4, 2, null],
  [{ maxFailures: { count: 5 } }, 2, 5, 2, 'tenants'],
] as const)(
  '60 tenants, %j, tolerating %i: with %i failures, %i of canaries, the run is stopped by %s',
  ([options, canaryTolerate, tenants, canaries, reason]) => {
    expect(stopReason(stopRule(60, { ...options, canaryTolerate }), { tenants, canaries })).toBe(reason);
  },
);

test.for([
  [2, ['a', 'b']],
  [9, ['a', 'b', 'c', 'd', 'e']],
  [0, []],
  [{ percent: 1 }, ['a']],
  [{ percent: 21 }, ['a', 'b']],
  [{ percent: 100 }, ['a', 'b', 'c', 'd', 'e']],
  [{ names: ['d', 'z'] }, ['d', 'z']],
] as const)('the canaries %j of five tenants are %j', ([canary, chosen]) => {
  expect([...chooseCanaries(['a', 'b', 'c', 'd', 'e'], canary)]).toEqual(chosen);
});

test('of no tenants with work, none is a canary', () => {
  expect(chooseCanaries([], { percent: 10 }).size).toBe(0);
});
