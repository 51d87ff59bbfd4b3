import { expect, test } from 'vitest';
import { nextVersion } from '../../src/project/next-version.ts';
import {
  canonicalVersion,
  compareVersionParts,
  compareVersions,
  newestVersion,
} from '../../src/project/version.ts';

test.for([
  ['0002', '10', -1],
  ['2', '0002', 0],
  ['999999999999999999', '999999999999999998', 1],
  ['0', '000', 0],
  ['20260101', '3', 1],
] as const)('%s against %s', ([a, b, sign]) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign);
  expect(Math.sign(compareVersions(b, a))).toBe(sign === 0 ? 0 : -sign);
});

test.for([
  ['1.9', '1.10', -1],
  ['1', '1.0.00', 0],
  ['2', '1.999999999999999999', 1],
] as const)('parts of %s against %s', ([a, b, sign]) => {
  const order = compareVersionParts(a.split('.'), b.split('.'));
  expect(Math.sign(order)).toBe(sign);
});

test.for([
  [[], 'serial', '0001'],
  [['007'], 'time', '20261123201530'],
  [['007'], 'serial', '008'],
  [['20260101000000'], 'serial', '20260101000001'],
] as const)('after %j, numbered by %s, comes %s', ([versions, numbering, next]) => {
  const newest = newestVersion(versions.map((version) => ({ version })));
  expect(nextVersion(newest, new Date('2026-11-23T20:15:30Z'), numbering)).toBe(next);
});

test('leading zeros are no part of a version', () => {
  expect(['0007', '000', '10'].map(canonicalVersion)).toEqual(['7', '0', '10']);
});

const now = new Date('2026-11-23T20:15:30Z');
test.for([
  [[], '20261123201530'],
  [['0001', '0009'], '0010'],
  [['9'], '10'],
  [['1', '20260101000000'], '20261123201530'],
  [['20301231235959'], '20301231235960'],
] as const)('after %j comes %s', ([versions, next]) => {
  const newest = newestVersion(versions.map((version) => ({ version })));
  expect(nextVersion(newest, now)).toBe(next);
});
