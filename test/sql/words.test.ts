import { expect, test } from 'vitest';
import { backoffMs, shuffled } from '../../src/decide/backoff.ts';
import { parseDuration } from '../../src/project/duration.ts';
import { quoteIdentifier, quoteLiteral } from '../../src/sql/quote.ts';

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
