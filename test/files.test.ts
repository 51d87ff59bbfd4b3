import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SqlmigError } from '../src/errors.ts';
import { readMigrations } from '../src/project/migrations.ts';
import { project } from './setup/project.ts';

const url = 'postgres://nowhere';

test('finds what ends in .sql, in number order; ignores dot-files and the rest', async () => {
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
      'sql/tenant/sub/README.md': 'x',
      'sql/tenant/sub/.hidden/4_deep.sql': 'x',
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

test('a pipe is a mistake, and is not read', async () => {
  const p = project({ url });
  const file = join(p.dir, 'sql/tenant/1_pipe.sql');
  // A reader of a pipe that nobody writes to waits for ever.
  execFileSync('mkfifo', [file]);
  await expect(readMigrations(await p.config())).rejects.toMatchObject({
    code: 'file-unreadable',
    message: 'sql/tenant/1_pipe.sql is not a regular file',
  });
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
    strays: [],
    readSnapshot: expect.any(Function),
  });
});

test('what looks like a migration and is not read is an error', async () => {
  const p = project(
    { url },
    {
      'sql/public/2_p.Sql': '',
      'sql/tenant/2024/01/2_a.sql': '',
      'sql/tenant/2024/3_b.SQL': '',
      'sql/tenant/4_c.sql/up.sql': '',
      'sql/tenant/.sql/5_d.sql': '',
    },
  );
  const error = await readMigrations(await p.config()).catch((e: unknown) => e);
  expect(
    error instanceof SqlmigError &&
      error.all.map(({ code, message, details }) => [code, message, details.hint]),
  ).toEqual([
    ['bad-file-name', 'sql/public/2_p.Sql: the extension must be .sql in lower case', 'name it 2_p.sql'],
    ...['sql/tenant/.sql', 'sql/tenant/4_c.sql'].map((folder) => [
      'bad-file-name',
      `${folder} is a folder, not a file`,
      'put its statements into one file of that name, or rename the folder',
    ]),
    [
      'sub-folder',
      'sql/tenant/2024 has 2 .sql files, and sub-folders are not read',
      'move them into sql/tenant, or set "recursive": true in the config',
    ],
  ]);
});

test('"recursive" reads sub-folders, through links too, but never the folder of the other scope', async () => {
  const p = project(
    { url, publicDir: 'sql', recursive: true },
    {
      'sql/1_p.sql': '',
      'sql/old/0_p.sql': '',
      'sql/tenant/2024/1_a.sql': '',
      'sql/tenant/2025/q1/2_b.sql': '',
      'more/3_c.sql': '',
    },
  );
  symlinkSync(join(p.dir, 'sql/tenant'), join(p.dir, 'sql/tenant/2025/round'));
  symlinkSync(join(p.dir, 'more'), join(p.dir, 'sql/tenant/more'));
  const migrations = await readMigrations(await p.config());
  expect(migrations.public.map(({ file }) => file)).toEqual(['sql/old/0_p.sql', 'sql/1_p.sql']);
  expect(migrations.tenant.map(({ file }) => file)).toEqual([
    'sql/tenant/2024/1_a.sql',
    'sql/tenant/2025/q1/2_b.sql',
    'sql/tenant/more/3_c.sql',
  ]);
  p.write({ 'sql/tenant/2025/01_again.sql': '' });
  await expect(readMigrations(await p.config())).rejects.toMatchObject({ code: 'duplicate-version' });
});

test('a link to the folder of the other scope is that folder, and both scopes cannot share one', async () => {
  const p = project(
    { url, publicDir: 'pub', tenantDir: 'sql', recursive: true },
    { 'sql/public/1_p.sql': '', 'sql/tenant/1_t.sql': '' },
  );
  symlinkSync(join(p.dir, 'sql/public'), join(p.dir, 'pub'));
  const migrations = await readMigrations(await p.config());
  expect(migrations.public.map(({ file }) => file)).toEqual(['pub/1_p.sql']);
  expect(migrations.tenant.map(({ file }) => file)).toEqual(['sql/tenant/1_t.sql']);

  const shared = project({ url, publicDir: 'pub', tenantDir: 'sql' }, { 'sql/1_a.sql': '' });
  symlinkSync(join(shared.dir, 'sql'), join(shared.dir, 'pub'));
  await expect(readMigrations(await shared.config())).rejects.toMatchObject({
    code: 'config-invalid',
    message: 'publicDir and tenantDir are the same folder (pub and sql)',
  });
});

test('migrations beside the folders, or in one with nearly its name, are named', async () => {
  const p = project(
    { url },
    {
      'sql/tenants/1_a.sql': '',
      'sql/tenants/2_b.sql': '',
      'sql/3_c.sql': '',
      'sql/seed/4_d.sql': '',
      'sql/publik/README.md': '',
    },
  );
  expect((await readMigrations(await p.config())).strays).toEqual([
    'sql has 1 file named like migrations, but only sql/public and sql/tenant are read',
    'sql/tenants has 2 files named like migrations, but only sql/public and sql/tenant are read',
  ]);
  const missing = project({ url, tenantDir: 'sql/tenent' }, { 'sql/tenant/1_a.sql': '' });
  await expect(readMigrations(await missing.config())).rejects.toMatchObject({
    code: 'folder-missing',
    details: {
      hint: 'sql/tenant has 1 file named like migrations: rename it, or set tenantDir in the config',
    },
  });
});

test('"recursive" reads the folders of Prisma and Hasura in place, with mistakes at their paths', async () => {
  const files = {
    'prisma/migrations/20240105_init/migration.sql': 'create table a ();\n',
    'prisma/migrations/20240105_init/down.sql': 'drop table a;\n',
    'prisma/migrations/20240106_more/up.sql': 'create table b ();\n',
    'prisma/migrations/migration_lock.toml': '',
  };
  const p = project({ url, tenantDir: 'prisma/migrations', recursive: true }, files);
  const { tenant, down } = await readMigrations(await p.config());
  expect(tenant.map(({ version, name, file }) => [version, name, file])).toEqual([
    ['20240105', 'init', 'prisma/migrations/20240105_init/migration.sql'],
    ['20240106', 'more', 'prisma/migrations/20240106_more/up.sql'],
  ]);
  expect(down.map(({ version, name }) => [version, name])).toEqual([['20240105', 'init']]);
  p.write({ 'prisma/migrations/20240106_more/migration.sql': '' });
  await expect(readMigrations(await p.config())).rejects.toMatchObject({
    code: 'duplicate-version',
    message: expect.stringContaining('20240106_more/migration.sql'),
  });
});
