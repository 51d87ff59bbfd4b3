import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createTestTenant, loadConfig, testTenants, up } from '../src/index.ts';
import { freshDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const files = {
  'sql/public/1_plans.sql': 'create table plans (id int primary key)',
  'sql/tenant/1_notes.sql': 'create table notes (id serial primary key, text text not null)',
};
const publicOnly = { select: { kind: 'public' } } as const;

test('tenants for tests have names of their own, are ready ahead, and leave nothing', async () => {
  const db = await freshDatabase();
  const p = project({ url: db.url, tenants: { list: ['acme'] } }, files);
  const config = await p.config();
  const schemas = async () =>
    (
      await db.query(
        `select nspname as name from pg_namespace where nspname like 'test\\_%' or nspname like 'spec %'`,
      )
    ).map(({ name }) => name);
  await expect(createTestTenant(config)).rejects.toMatchObject({ code: 'public-behind' });
  expect(() => testTenants(config, { ahead: -1 })).toThrow('option ahead takes');
  await expect(createTestTenant(config, { prefix: 'x'.repeat(60) })).rejects.toMatchObject({
    code: 'bad-tenant-name',
  });
  await up(config, publicOnly);
  const tenants = testTenants(config, { prefix: 'spec "s"' });
  const many = await Promise.all(Array.from({ length: 4 }, () => tenants.create()));
  const names = many.map(({ name }) => name);
  expect(new Set(names).size).toBe(4);
  expect(await schemas()).toEqual(expect.arrayContaining(names));
  await Promise.all([many[0]?.drop(), many[0]?.drop()]);
  expect(await schemas()).not.toContain(names[0]);
  {
    await using one = await createTestTenant(config);
    expect(await db.history(one.name)).toEqual({ 1: 1 });
  }
  await tenants.end();
  expect(await schemas()).toEqual([]);
  // The error of a file is that of the test.
  p.write({ 'sql/tenant/2_bad.sql': 'select 1 / 0' });
  await expect(testTenants(config).create()).rejects.toMatchObject({
    code: 'migration-failed',
    details: { line: 1, lineText: 'select 1 / 0' },
  });
  expect(await schemas()).toEqual([]);
});

/** The programs of a page, by the name in their first line. */
const programsOf = (page: string) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```js\n\/\/ (\S+\.c?js)\n([\s\S]*?)^```/gm)].map(
    ([, name = '', text = '']) => [name, text] as const,
  );

// Jest itself would be 250 packages.
const asJest = `const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
Object.assign(globalThis, { test, beforeAll: before, afterAll: after });
globalThis.expect = (value) => ({ toHaveLength: (n) => assert.equal(value.length, n) });
require('./jest.test.cjs');
`;

test('the examples of docs/testing.md work in vitest with the embedded server, in node:test and as in Jest', async () => {
  const db = await freshDatabase();
  const p = project({}, files);
  const modules = join(p.dir, 'node_modules');
  mkdirSync(modules);
  symlinkSync(root, join(modules, 'sqlmig'));
  for (const name of ['postgres', 'vitest'])
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  const programs = [...programsOf('docs/application.md'), ...programsOf('docs/testing.md')];
  for (const [name, text] of programs) writeFileSync(join(p.dir, name), text);
  writeFileSync(join(p.dir, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(p.dir, 'as-jest.test.cjs'), asJest);
  // The server of --embedded, which the first example starts, runs under another account.
  chmodSync(p.dir, 0o755);
  const run = async (env: object, ...args: string[]) => {
    // Without the variables that make a program a worker of this vitest.
    const own = { PATH: process.env.PATH, HOME: p.dir, ...env };
    return (await promisify(execFile)(process.execPath, args, { cwd: p.dir, env: own })).stdout;
  };
  expect(await run({}, join(modules, 'vitest/vitest.mjs'), 'run')).toMatch(/2 passed/);
  const env = { DATABASE_URL: db.url };
  await up(await loadConfig({ cwd: p.dir, env }), publicOnly);
  // In one process, which costs less than --test.
  writeFileSync(join(p.dir, 'both.js'), `import './node.test.js';\nimport './as-jest.test.cjs';\n`);
  expect(await run(env, 'both.js')).toMatch(/pass 2\n/);
  expect(await db.query(`select nspname from pg_namespace where nspname like 'test\\_%'`)).toEqual([]);
});
