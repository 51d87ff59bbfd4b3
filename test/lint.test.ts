import { beforeAll, expect, test } from 'vitest';
import { plan } from '../src/operations/plan.ts';
import { up } from '../src/operations/up.ts';
import { verify } from '../src/operations/verify.ts';
import { loadConfig } from '../src/project/config.ts';
import { everySchema } from '../src/project/selection.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

test('plan, up and verify warn of new files, with file and line; --lint and --strict of all files, and --strict fails', async () => {
  const settings = (list: readonly string[]) => ({ url: db.url, tenants: { list } });
  const body = 'begin\n  return (select id from public.t);\nend';
  const p = project(settings(['acme', 'globex']), {
    'sql/public/1_p.sql': 'create table p (id int primary key)',
    'sql/tenant/1_t.sql': `create table t (id int references public.p);
create function f() returns int language plpgsql as '${body}'`,
  });
  const warning = 'warning: sql/tenant/1_t.sql:3:26: hard-coded schema "public", but tenant files create t;';
  expect(await sqlmig(['plan'], p.dir)).toMatchObject({ code: 0, stdout: expect.stringContaining(warning) });
  const up = await sqlmig(['up', '--all'], p.dir);
  expect(up.code).toBe(0);
  expect(up.stderr.match(/warning: /g)).toEqual(['warning: ']);
  expect(up.stderr).toContain(warning);

  // For a new tenant the file is pending, and new to nobody.
  p.write({ 'sqlmig.config.json': JSON.stringify(settings(['acme', 'globex', 'initech'])) });
  expect((await sqlmig(['plan'], p.dir)).stdout).not.toContain('warning');
  expect((await sqlmig(['plan', '--lint'], p.dir)).stdout).toContain(warning);
  expect(await sqlmig(['up', '--all'], p.dir)).toMatchObject({
    code: 0,
    stderr: expect.not.stringContaining('warning'),
  });

  const verify = await sqlmig(['verify', '--json'], p.dir);
  expect({ code: verify.code, ...JSON.parse(verify.stdout) }).toMatchObject({
    code: 0,
    ok: true,
    findings: [],
  });
  const strict = await sqlmig(['verify', '--strict'], p.dir);
  expect(strict).toMatchObject({ code: 1, stdout: expect.stringContaining(warning) });
  const json = await sqlmig(['verify', '--strict', '--json'], p.dir);
  expect(JSON.parse(json.stdout)).toMatchObject({
    ok: false,
    findings: [
      {
        kind: 'lint',
        rule: 'hard-coded-schema',
        schema: null,
        scope: 'tenant',
        version: '1',
        file: 'sql/tenant/1_t.sql',
        line: 3,
        column: 26,
      },
    ],
  });
});

test('plan --lint also warns about locks; plan, up and verify --strict do not', async () => {
  const p = project(
    { url: db.url, tenants: { list: ['hooli'] } },
    {
      'sql/public/1_p.sql': 'create table p (id int primary key)',
      'sql/tenant/1_t.sql': 'create table t (id int);',
      'sql/tenant/2_t.sql': 'alter table t alter id type bigint;',
    },
  );
  const config = await loadConfig({ cwd: p.dir, env: {} });
  const rulesOf = async (lint: boolean) =>
    (await plan(config, { lint })).warnings.map((warning) =>
      'rule' in warning ? warning.rule : warning.kind,
    );
  expect([await rulesOf(false), await rulesOf(true)]).toEqual([[], ['type-change']]);
  const warnings: string[] = [];
  await up(config, {
    select: everySchema,
    onEvent: (event) => {
      if (event.type === 'warning') warnings.push(event.message);
    },
  });
  expect(warnings).toEqual([]);
  const { findings } = await verify(config, { strict: true });
  expect(findings.filter(({ kind }) => kind === 'lint')).toEqual([]);
  expect(await rulesOf(true)).toEqual(['type-change']);
});
