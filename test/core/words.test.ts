import { expect, test } from 'vitest';
import { backoffMs, shuffled } from '../../src/core/backoff.ts';
import { parseDuration } from '../../src/core/duration.ts';
import { quoteIdentifier, quoteLiteral } from '../../src/core/quote.ts';
import { failuresAllowed, parseMaxFailures } from '../../src/core/stop-rule.ts';

test.for([
  ['500ms', 500],
  ['5s', 5_000],
  ['1.5m', 90_000],
  ['15m', 900_000],
  ['1h', 3_600_000],
  ['10', 10_000],
  ['', null],
  ['-1s', null],
  ['5 minutes', null],
] as const)('the duration %j', ([text, ms]) => {
  expect(parseDuration(text)).toBe(ms);
});

test.for([
  ['1', 1_000, 1],
  ['5', 10, 5],
  ['1%', 1_000, 10],
  ['1%', 10, 1],
  ['100%', 7, 7],
  ['50%', 3, 2],
] as const)('--max-failures %s of %i tenants is %i', ([text, tenants, allowed]) => {
  const rule = parseMaxFailures(text);
  expect(rule && failuresAllowed(rule, tenants)).toBe(allowed);
});

test.for(['0', '-1', '0%', '101%', 'x', '', '1.5'])('--max-failures %j is nothing', (text) => {
  expect(parseMaxFailures(text)).toBe(null);
});

test.for([
  ['acme', '"acme"', "'acme'"],
  ['a"b', '"a""b"', `'a"b'`],
  ["x'; drop", `"x'; drop"`, "'x''; drop'"],
  ["b\\'", `"b\\'"`, " E'b\\\\'''"],
] as const)('%j is quoted', ([name, identifier, literal]) => {
  expect([quoteIdentifier(name), quoteLiteral(name)]).toEqual([identifier, literal]);
});

test('backoff doubles from 50 ms to 2 s, and is drawn from nothing to that', () => {
  expect([0, 1, 2, 5, 6, 50].map((tries) => backoffMs(tries, () => 1))).toEqual([
    50, 100, 200, 1_600, 2_000, 2_000,
  ]);
  expect(backoffMs(3, () => 0)).toBe(0);
});

test('shuffling keeps everything and changes nothing it was given', () => {
  const items = [1, 2, 3, 4, 5];
  expect(shuffled(items, () => 0)).toEqual([2, 3, 4, 5, 1]);
  expect(items).toEqual([1, 2, 3, 4, 5]);
});
