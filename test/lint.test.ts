import { beforeAll, expect, test } from 'vitest';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

test('plan, up and verify warn with file and line; only --strict makes it a failure', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['acme', 'globex'] } },
    {
      'sql/public/1_p.sql': 'create table p (id int primary key)',
      'sql/tenant/1_t.sql': 'create table t (\n  id int references public.p\n)',
    },
  );
  const warning = 'warning: sql/tenant/1_t.sql:2:21: public. is written out';
  const plan = await sqlmig(['plan'], p.dir);
  expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining(warning) });
  const up = await sqlmig(['up', '--all'], p.dir);
  expect(up.code).toBe(0);
  expect(up.stderr.match(/warning: /g)).toEqual(['warning: ']);
  expect(up.stderr).toContain(warning);
  expect((await sqlmig(['up', '--all'], p.dir)).stderr).not.toContain('warning');

  const verify = await sqlmig(['verify', '--json'], p.dir);
  expect(verify.code).toBe(0);
  expect(JSON.parse(verify.stdout)).toMatchObject({
    ok: true,
    findings: [
      {
        kind: 'lint',
        rule: 'hard-coded-schema',
        schema: null,
        scope: 'tenant',
        version: '1',
        file: 'sql/tenant/1_t.sql',
        line: 2,
        column: 21,
      },
    ],
  });
  const strict = await sqlmig(['verify', '--strict'], p.dir);
  expect(strict.code).toBe(1);
  expect(strict.stdout).toContain(warning);
});
