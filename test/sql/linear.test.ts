import { expect, test } from 'vitest';
import { tenantNames } from '../../src/sql/made-names.ts';
import { toScript } from '../../src/sql/script.ts';

const size = 250_000;

// What makes a scan begin anew at each of them, or go back over what it has seen.
const units = [
  ...[
    '{',
    '{{ a',
    '${',
    '${a',
    '/*',
    '/*/',
    '--',
    '-- ',
    '\\',
    '"',
    '""',
    "'",
    "''",
    "e'",
    '$$',
    '$a$',
    '$a',
    '$a$b',
  ],
  ...[
    '\r',
    '\r\n',
    ' ',
    '+',
    '-+',
    '#\n',
    'é',
    '(',
    'public .',
    'public.',
    '(pg_class ',
    'pg_class;',
    ':: ',
    'schema',
  ],
  ...[
    '-- sqlmig: ',
    '-- sqlmig: x\n',
    '--! include ',
    '-- Down\n',
    '\\restrict a\n',
    'copy a ',
    'from stdin ',
    'json ',
  ],
];

const wrappers = [
  ['alone', (text: string) => text],
  ['in a string', (text: string) => `select '${text}'`],
  ['in a block', (text: string) => `do $block$ begin ${text} end $block$`],
  ['in a comment', (text: string) => `/* ${text} */ select 1`],
  ['after a directive', (text: string) => `-- sqlmig: ${text}\nselect 1`],
  ['before an error', (text: string) => `select 1; ${text};\nselec 1`],
] as const;

// A step that grows with the square of the text's length takes minutes here, not a second.
test.for(wrappers)('a long text of anything is read in one pass, %s', async ([, wrap]) => {
  for (const unit of units) {
    const text = wrap(unit.repeat(Math.ceil(size / unit.length)));
    const migration = {
      scope: 'tenant',
      version: '1',
      name: 'x',
      checksum: '',
      file: '1_x.sql',
      text,
    } as const;
    const isTenants = tenantNames({ public: [], tenant: [migration] });
    await expect(toScript(migration, 'public', isTenants)).resolves.toBeDefined();
  }
});

test('places of many mistakes and warnings cost one pass', async () => {
  for (const text of [
    `commit;${' '.repeat(100)}`,
    'select "{{x}}"; ',
    'select 1 from public.t;\n',
    'begin; commit;\r',
  ]) {
    const file = { scope: 'tenant', version: '1', name: 'x', checksum: '', file: '1_x.sql' } as const;
    await expect(
      toScript({ ...file, text: text.repeat(10_000) }, 'public', () => true),
    ).resolves.toBeDefined();
  }
});
