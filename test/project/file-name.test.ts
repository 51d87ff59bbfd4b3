import { expect, test } from 'vitest';
import { countedName, fileNameOf, nameProblem, parseFileName } from '../../src/project/file-name.ts';

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
  // A name may begin with digits where nobody could take them for the version's.
  ['0001_2fa.sql', { kind: 'versioned', version: '0001', name: '2fa' }],
  ['0001_25th_anniversary.sql', { kind: 'versioned', version: '0001', name: '25th_anniversary' }],
  ['001__2024_report.sql', { kind: 'versioned', version: '001', name: '2024_report' }],
  ['V1__2.sql', { kind: 'versioned', version: '1', name: '2' }],
  ['1_x.up.sql', { kind: 'versioned', version: '1', name: 'x.up' }],
] as const)('%s', ([name, expected]) => {
  expect(parseFileName(name)).toEqual(expected);
});

// a name, the one it should have
test.for([
  // Dates, and Diesel's
  ['2024-01-05_t.sql', '20240105_t.sql'],
  ['2024-02-11_u.down.sql', '20240211_u.down.sql'],
  ['2024_01_05_t.sql', '20240105_t.sql'],
  ['2024-1-5-t.sql', '20240105_t.sql'],
  ['2024-01-05-123000_t.sql', '20240105123000_t.sql'],
  ['2024-01-05-12-30-00_t.sql', '20240105123000_t.sql'],
  ['2024-01-05.sql', '20240105_<name>.sql'],
  ['20240105_123000_t.sql', '20240105123000_t.sql'],
  ['20240105_01_abc-t.sql', '20240105__01_abc-t.sql if the version is 20240105, or 20240105001_abc-t.sql'],
  // Flyway's
  ['V2024.01.05__x.sql', '20240105_x.sql'],
  ['V2024.01.05.1230__x.sql', '202401051230_x.sql'],
  ['V1.2__x.sql', '1002_x.sql, and number all files the same way'],
  ['V1_2__x.sql', '1002_x.sql, and number all files the same way'],
  ['V1_10__x.sql', '1010_x.sql, and number all files the same way'],
  ['V1.2.3__add_2fa.sql', '1002003_add_2fa.sql, and number all files the same way'],
  ['U1__x.sql', '1_x.down.sql'],
  ['U1.2__x.sql', '1002_x.down.sql, and number all files the same way'],
  // A name that begins with a number
  ['001_2024_report.sql', '001__2024_report.sql if the version is 001'],
  ['0001_2.sql', '0001__2.sql if the version is 0001, or 0001002_<name>.sql if it is 0001_2'],
  ['1-2-x.down.sql', '1__2-x.down.sql if the version is 1, or 1002_x.down.sql if it is 1-2'],
  // Other tools' ways back
  ['0001_x.rollback.sql', '0001_x.down.sql'],
  ['0001_x.undo.sql', '0001_x.down.sql'],
  ['001.do.create-posts.sql', '001_create-posts.sql'],
  ['001.undo.create-posts.sql', '001_create-posts.down.sql'],
] as const)('%s is refused; it should be %s', ([name, better]) => {
  expect(parseFileName(name)).toBeNull();
  const { hint } = nameProblem(name);
  expect(hint.startsWith(`name it ${better}`) ? better : hint).toBe(better);
  for (const [suggested] of hint.matchAll(/[\w<>-]+(?:\.down)?\.sql/g)) {
    expect({ suggested, read: parseFileName(suggested) }).not.toMatchObject({ read: null });
  }
});

test('a version that no one number can stand for', () => {
  const long = nameProblem('V1.20240105__x.sql');
  expect(long).toEqual({
    problem: 'a version is one number, and "1.20240105" is several',
    hint: 'write the version as one number of 1 to 18 digits, in the order of the old ones',
  });
  expect(nameProblem('users.sql').problem).toBe('the name does not follow the rules');
});

test('suggested names keep the order of the old ones', () => {
  const inOrder = [
    ['V1.2__a.sql', 'V1.10__b.sql', 'V2.0__c.sql', 'V10.1__d.sql'],
    ['2023-12-31_a.sql', '2024-01-05_b.sql', '2024-01-11_c.sql', '2024-10-01_d.sql'],
  ];
  for (const names of inOrder) {
    const versions = names.map((name) => BigInt(/name it (\d+)_/.exec(nameProblem(name).hint)?.[1] ?? -1));
    expect(versions).toEqual([...versions].sort((a, b) => (a < b ? -1 : 1)));
  }
});

test('a new file has a name that is read as it was meant', () => {
  expect(fileNameOf('7', 'add_tax')).toBe('7_add_tax.sql');
  expect(fileNameOf('7', '2fa')).toBe('7_2fa.sql');
  expect(fileNameOf('7', '2024_report')).toBe('7__2024_report.sql');
});

test.for([
  ['20240105_init/migration.sql', '20240105_init.sql'],
  ['2024/7_add_tax/up.sql', '7_add_tax.sql'],
  ['7_add_tax\\down.sql', '7_add_tax.down.sql'],
  ['7_add_tax/8_more.sql', '8_more.sql'],
  ['2024-01-05-120000_x/up.sql', 'up.sql'],
  ['views/migration.sql', 'migration.sql'],
  ['migration.sql', 'migration.sql'],
] as const)('%s counts as %s', ([path, name]) => {
  expect(countedName(path)).toBe(name);
});
