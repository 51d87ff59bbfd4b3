import { expect, test } from 'vitest';
import { parseFileName } from '../../src/core/file-name.ts';

test.for([
  ['0001_users.sql', { kind: 'versioned', version: '0001', name: 'users' }],
  ['1__users.sql', { kind: 'versioned', version: '1', name: 'users' }],
  ['1-users.sql', { kind: 'versioned', version: '1', name: 'users' }],
  ['V7__users.sql', { kind: 'versioned', version: '7', name: 'users' }],
  [
    '20260101120000_add tax (2) [b].sql',
    { kind: 'versioned', version: '20260101120000', name: 'add tax (2) [b]' },
  ],
  ['1_größe.sql', { kind: 'versioned', version: '1', name: 'größe' }],
  ['123456789012345678_a.sql', { kind: 'versioned', version: '123456789012345678', name: 'a' }],
  ['3_users.down.sql', { kind: 'down', version: '3', name: 'users' }],
  ['R__totals.sql', { kind: 'repeatable', name: 'totals' }],
  ['1234567890123456789_a.sql', null],
  ['users.sql', null],
  ['1.sql', null],
  ['1_.sql', null],
  ['_a.sql', null],
  ['R_totals.sql', null],
  ['v1_a.sql', null],
  ['1a_b.sql', null],
] as const)('%s', ([name, expected]) => {
  expect(parseFileName(name)).toEqual(expected);
});
