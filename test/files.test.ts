import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SqlmigError } from '../src/errors.ts';
import { readMigrations } from '../src/migrations.ts';
import { project } from './setup/project.ts';

const url = 'postgres://nowhere';

test('finds what ends in .sql, in number order; ignores dot-files, folders and the rest', async () => {
  const p = project(
    { url },
    {
      'sql/tenant/10_ten.sql': '',
      'sql/tenant/0002_two (b) [c].sql': '',
      'sql/tenant/V1__one.sql': '',
      'sql/tenant/1_one.down.sql': '',
      'sql/tenant/R__zeta.sql': '',
      'sql/tenant/R__alpha.sql': '',
      'sql/tenant/.hidden.sql': 'x',
      'sql/tenant/README.md': 'x',
      'sql/tenant/3_upper.SQL': 'x',
      'sql/tenant/sub/4_deep.sql': 'x',
    },
  );
  symlinkSync(join(p.dir, 'sql/tenant/10_ten.sql'), join(p.dir, 'sql/tenant/11_link.sql'));
  const { tenant } = await readMigrations(await p.config());
  expect(tenant.map((migration) => migration.file)).toEqual(
    ['V1__one', '0002_two (b) [c]', '10_ten', '11_link', 'R__alpha', 'R__zeta'].map(
      (name) => `sql/tenant/${name}.sql`,
    ),
  );
});

test('mistakes of all files are told at once, parse errors of the others included', async () => {
  const p = project(
    { url },
    {
      'sql/public/users.sql': '',
      'sql/public/1_a.sql': 'selec 1',
      'sql/public/0001_b.sql': '',
      'sql/tenant/1_latin.sql': Buffer.from('-- a\n-- gr\xfcn', 'latin1'),
      'sql/tenant/2_nul.sql': 'select 1;\n\0',
      'sql/tenant/3_a.down.sql': Buffer.from([0xff]),
      'sql/tenant/4_b.down.sql': 'drp table b;',
      'sql/tenant/R__v.down.sql': 'drop view v',
    },
  );
  const error = await readMigrations(await p.config()).catch((e: unknown) => e);
  expect(
    error instanceof SqlmigError &&
      error.all.map(({ code, details }) => [code, details.file, details.line, details.column]),
  ).toEqual([
    ['duplicate-version', undefined, undefined, undefined],
    ['bad-file-name', undefined, undefined, undefined],
    ['file-not-utf8', 'sql/tenant/1_latin.sql', 2, 6],
    ['file-has-nul', 'sql/tenant/2_nul.sql', 2, 1],
    ['file-not-utf8', 'sql/tenant/3_a.down.sql', 1, 1],
    ['bad-file-name', undefined, undefined, undefined],
    ['sql-syntax', 'sql/public/1_a.sql', 1, 1],
    ['sql-syntax', 'sql/tenant/4_b.down.sql', 1, 1],
  ]);
  expect(error instanceof SqlmigError && error.message).toBe(
    'sql/public/0001_b.sql and sql/public/1_a.sql have the same version 1',
  );
});

test('a dangling link is a mistake, not nothing', async () => {
  const p = project({ url });
  symlinkSync('/nowhere/at/all', join(p.dir, 'sql/tenant/1_gone.sql'));
  await expect(readMigrations(await p.config())).rejects.toMatchObject({ code: 'file-unreadable' });
});

test('a folder that does not exist is an error, an empty one is fine', async () => {
  const p = project({ url, tenantDir: 'sql/none' });
  await expect(readMigrations(await p.config())).rejects.toMatchObject({
    code: 'folder-missing',
    message: 'the folder sql/none does not exist',
  });
  const empty = project({ url });
  expect(await readMigrations(await empty.config())).toEqual({
    public: [],
    tenant: [],
    down: [],
    publicSchema: 'public',
  });
});
