import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { createTenant, up } from '../src/index.ts';
import { freshDatabase, type TestDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

const page = readFileSync(new URL('../docs/moving-tables.md', import.meta.url), 'utf8');
const files = new Map(
  [...page.matchAll(/^```sql\n-- (sql\/\S+)\n([\s\S]*?)^```/gm)].map(([, path = '', text = '']) => [
    path,
    text,
  ]),
);

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});

test('the files of docs/moving-tables.md move rows to the tenants and back, also for new tenants', async () => {
  const p = project({ url: db.url, tenants: { list: ['acme', 'globex', 'initech'] } });
  const release = async (...paths: string[]) => {
    for (const path of paths) p.write({ [path]: files.get(path) ?? '' });
    return up(await p.config(), { select: { kind: 'tenants', names: ['acme', 'globex'] } });
  };
  expect(files.size).toBe(8);
  expect((await release('sql/public/0001_labels.sql', 'sql/tenant/0001_tasks.sql')).ok).toBe(true);
  await db.query(`insert into public.labels (name) values ('new'), ('done');
    insert into acme.tasks (title, label_id) values ('write', 2); insert into globex.tasks (title, label_id) values ('read', 1);
    insert into acme.settings values ('theme', 'dark'); insert into globex.settings values ('theme', 'light')`);

  expect((await release('sql/public/0002_freeze_labels.sql')).ok).toBe(true);
  await expect(db.query(`insert into public.labels (name) values ('late')`)).rejects.toThrow(
    'labels is being moved to the tenants',
  );
  // Nobody is left behind: globex has not copied its labels.
  const early = await release('sql/public/0003_empty_labels.sql');
  expect(early.schemas.find(({ schema }) => schema === 'public')?.error?.message).toMatch(
    /cannot truncate a table referenced in a foreign key/,
  );
  p.remove('sql/public/0003_empty_labels.sql');
  expect((await release('sql/tenant/0002_own_labels.sql')).ok).toBe(true);
  expect((await release('sql/public/0003_empty_labels.sql')).ok).toBe(true);
  expect(
    await db.query(`set search_path = acme, public;
      insert into labels (name) values ('own'); select l.id, l.name, t.title from labels l left join tasks t on t.label_id = l.id order by 1`),
  ).toEqual([
    { id: 1, name: 'new', title: null },
    { id: 2, name: 'done', title: 'write' },
    { id: 3, name: 'own', title: null },
  ]);

  expect((await release('sql/public/0004_settings.sql', 'sql/tenant/0003_settings_to_public.sql')).ok).toBe(
    true,
  );
  expect((await release('sql/tenant/0004_drop_old_settings.sql')).ok).toBe(true);
  expect(await db.query('select * from public.settings order by tenant')).toEqual([
    { tenant: 'acme', key: 'theme', value: 'dark' },
    { tenant: 'globex', key: 'theme', value: 'light' },
  ]);

  await createTenant(await p.config(), { name: 'initech' });
  expect(
    await db.query(
      `select relname from pg_class where relnamespace = 'initech'::regnamespace and relkind = 'r' order by 1`,
    ),
  ).toEqual([{ relname: 'labels' }, { relname: 'schema_migrations' }, { relname: 'tasks' }]);
});
