import { expect, test } from 'vitest';
import { up } from '../src/index.ts';
import { freshDatabase } from './setup/database.ts';
import { numbered, project } from './setup/project.ts';

test('outcomes of many migrations read like those of few', async () => {
  const db = await freshDatabase();
  const files = Array.from({ length: 12 }, (_, i) => [`sql/tenant/${i + 1}_t${i}.sql`, 'select 1']);
  const tenants = numbered('o', 2);
  const p = project({ url: db.url, tenants: { list: tenants } }, Object.fromEntries(files));
  const { schemas } = await up(await p.config(), { select: { kind: 'all', except: [] } });
  const given = JSON.parse(JSON.stringify(schemas.filter(({ scope }) => scope === 'tenant')));
  const migrations = Array.from({ length: 12 }, (_, i) => ({
    version: String(i + 1),
    name: `t${i}`,
    durationMs: expect.any(Number),
  }));
  expect(given).toEqual(
    tenants.map((schema) => ({
      database: db.name,
      schema,
      scope: 'tenant',
      state: 'applied',
      version: '12',
      migrations,
    })),
  );
  const rows = await db.query('select duration_ms from o_1.schema_migrations order by version');
  expect(
    schemas.find(({ schema }) => schema === 'o_1')?.migrations.map(({ durationMs }) => durationMs),
  ).toEqual(rows.map((row) => row.duration_ms));
});
