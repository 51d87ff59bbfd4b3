import { expect, test } from 'vitest';
import { replacedBy } from '../../src/project/baseline.ts';

test.for([
  ['-- sqlmig: replaces 1..120', '121', [{ from: '1', to: '120' }]],
  [
    '-- Base.\n-- sqlmig: replaces 1..7, 9',
    '10',
    [
      { from: '1', to: '7' },
      { from: '9', to: '9' },
    ],
  ],
  ['-- sqlmig: replaces 0001..0120\n-- sqlmig: allow-public', '0120', [{ from: '0001', to: '0120' }]],
  ['create table a (); -- sqlmig: replaces 1..2', '3', []],
] as const)('%j', ([text, version, ranges]) => {
  expect(replacedBy(text, version)).toEqual(ranges);
});

test.for([
  ['-- sqlmig: replaces', '3', '"" is neither a version nor a range'],
  ['-- sqlmig: replaces 1-2', '3', '"1-2" is neither'],
  ['-- sqlmig: replaces 2..1', '3', '2..1 ends before it begins'],
  ['-- sqlmig: replaces 1..4', '3', 'it replaces 4, which is above its own version 3'],
  ['-- sqlmig: replaces 1..2', null, 'a repeatable cannot replace versions'],
] as const)('%j is refused', ([text, version, problem]) => {
  expect(replacedBy(text, version)).toEqual({ index: 0, problem: expect.stringContaining(problem) });
});
