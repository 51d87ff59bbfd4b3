import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

function emptyFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-init-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('without a terminal and without flags: a project that up --all brings up at once', async () => {
  const dir = emptyFolder();
  expect(await sqlmig(['init'], dir)).toMatchObject({
    code: 0,
    stdout: 'sqlmig.config.json\nsql/public/0001_tenants.sql\nsql/tenant/0001_users.sql\n',
    stderr: expect.stringContaining('next: sqlmig up --all'),
  });
  const up = await sqlmig(['up', '--all', '--url', db.url], dir);
  expect(up).toMatchObject({ code: 0, stdout: expect.stringContaining('acme, globex') });
  expect(await sqlmig(['new', 'x', '--tenant'], dir)).toMatchObject({ stdout: 'sql/tenant/0002_x.sql\n' });
  const again = await sqlmig(['init'], dir);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('error[file-exists]') });
});

test.for([
  [['--pattern', 'tenant_%'], { pattern: 'tenant_%' }],
  [['--list', 'a,b'], { list: ['a', 'b'] }],
  [['--query', 'select 1'], { query: 'select 1' }],
] as const)('flags say where tenants come from: %j', async ([flags, tenants]) => {
  const dir = emptyFolder();
  expect(await sqlmig(['init', ...flags], dir)).toMatchObject({ code: 0 });
  expect(JSON.parse(readFileSync(join(dir, 'sqlmig.config.json'), 'utf8'))).toEqual({ tenants });
});

test('migrations that are there already are found', async () => {
  const dir = emptyFolder();
  for (const file of [
    'db/migrate/0001_a.sql',
    'db/migrate/0002_b.sql',
    'node_modules/x/0001_y.sql',
    'seed.sql',
  ]) {
    mkdirSync(join(dir, file, '..'), { recursive: true });
    writeFileSync(join(dir, file), '');
  }
  const { stderr } = await sqlmig(['init'], dir);
  expect(stderr).toContain('found 2 migrations in db/migrate');
  expect(stderr.match(/found/g)).toHaveLength(1);
});

test('flags and commands that are nearly right are told what was meant; completion knows them', async () => {
  const dir = emptyFolder();
  expect((await sqlmig(['up', '--max-failure', '3', '--all'], dir)).stderr).toContain(
    'did you mean --max-failures?',
  );
  // A flag of other commands is not one of this.
  expect((await sqlmig(['up', '--tenant', 'acme'], dir)).stderr).toContain('did you mean --tenants?');
  expect((await sqlmig(['up', '--all', '--quite'], dir)).stderr).toContain('did you mean --quiet?');
  expect((await sqlmig(['stauts'], dir)).stderr).toContain('Did you mean status?');
  expect((await sqlmig(['completion'], dir)).stdout).toContain('sqlmig');
  expect((await sqlmig(['--get-yargs-completions', 'sqlmig', 'up', '--dr'], dir)).stdout).toContain(
    '--dry-run',
  );
});
