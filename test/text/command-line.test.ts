import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { invalidIndexLeft } from '../../src/execute/non-transactional-errors.ts';
import { schemaRefusal } from '../../src/fleet/schema-errors.ts';
import { commandLine, repairCommandLine } from '../../src/text/command-line.ts';

const shell = process.platform === 'win32' ? null : 'bash';

test.for([
  ['acme', 'acme'],
  ["o'neil & sons", `'o'\\''neil & sons'`],
  ['', "''"],
  ['$(id)`id`"\\!*~', `'$(id)\`id\`"\\!*~'`],
  ['~root', "'~root'"],
  ['größe', "'größe'"],
  ["a\nb\t\\'\u0085é", "$'a\\012b\\011\\\\\\'\\302\\205é'"],
] as const)('%j is one word of a shell', ([name, word]) => {
  expect(commandLine('repair', name)).toBe(`sqlmig repair ${word}`);
  if (shell === null) return;
  const said = execFileSync(shell, ['-c', `sqlmig() { printf %s "$2"; }; ${commandLine('repair', name)}`]);
  expect(said.toString()).toBe(name);
});

test('a schema that looks like a flag is named in a flag', () => {
  const line = repairCommandLine('--all', { version: '0002' }, '--resume');
  expect(line).toBe("sqlmig repair '--tenants=--all' --resume");
});

test('hints quote the names in their commands', () => {
  const schema = "o'neil & sons";
  const migration = { version: '0002', name: 'i', file: 'sql/tenant/0002_i.sql', text: '' };
  const unit = { script: { migration, statements: [] }, schema: { schema } };
  const left = invalidIndexLeft(
    { ...unit, k: 0 } as unknown as Parameters<typeof invalidIndexLeft>[0],
    'nothing',
  );
  const refusal = { kind: 'failed', message: '', version: '0002' };
  const target = { schema, plan: { refusal }, trouble: null };
  const refused = schemaRefusal(target as unknown as Parameters<typeof schemaRefusal>[0]);
  for (const error of [left, refused]) {
    expect(error?.details.hint).toBe("settle it with: sqlmig repair 'o'\\''neil & sons' 0002 --resume");
  }
});
