import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { SourceFile } from '../src/history/import/history-reader.ts';
import {
  emptiedDatabase,
  inputFiles as files,
  readingOf,
  readOnlySample,
  readSamples,
  sampleNames,
  sampleText,
  titleOf as title,
} from './setup/histories.ts';

const { db, session } = await emptiedDatabase();

const committed = sampleNames('graphile-committed');
const plain = files((name) => `${name}.sql`);
const numbered = (separator: string) => files((name, i) => `00${i}${separator}${title(name)}.sql`);

async function readOne(sample: string, of: readonly SourceFile[]) {
  await db.query(sampleText(`${sample}.sql`));
  return readOnlySample(session, of);
}

const pythonFiles: SourceFile[] = [
  ['a1', 'None'],
  ['b2', "'a1'"],
  ['c3', "'a1'"],
  ['1ae00d7eb1e6', "('b2', 'c3')"],
  ['d4', "'1ae00d7eb1e6'"],
].map(([id, down]) => ({
  path: `versions/${id}_x.py`,
  text: `"""x"""\nrevision: str = '${id}'\ndown_revision = ${down}\n`,
}));
const djangoFiles = files((name, i) => `shop/migrations/000${i}_${title(name)}.py`);
const liquibaseFiles = plain.map(({ path, text }) => ({
  path,
  text: `--liquibase formatted sql\n--changeset sample:${title(path.slice(0, -4))}\n${text}`,
}));
const sqitchFiles = files((name) => `deploy/${title(name)}.sql`).map(({ path, text }) => ({
  path,
  text: `-- Deploy sample:${path.slice(7, -4)} to pg\nBEGIN;\n${text}\nCOMMIT;\n`,
}));
const prismaFiles = files((name) => `${name}/migration.sql`);

test.for([
  ['rails', 'Rails', 'public.schema_migrations', files((name) => `db/migrate/${name}.rb`), 'none', null],
  ['dbmate', 'dbmate or Rails', 'public.schema_migrations', plain, 'none', null],
  ['prisma', 'Prisma', 'public._prisma_migrations', prismaFiles, 'exact', 'equal'],
  ['prisma', 'Prisma', 'public._prisma_migrations', plain, 'exact', 'equal'],
  ['node-pg-migrate', 'node-pg-migrate', 'public.pgmigrations', plain, 'zone-unknown', null],
  ['knex', 'knex', 'public.knex_migrations', files((name) => `${name}.ts`), 'exact', null],
  ['drizzle', 'Drizzle', 'drizzle.__drizzle_migrations', numbered('_'), 'none', 'equal'],
  [
    'graphile-migrate',
    'graphile-migrate',
    'graphile_migrate.migrations',
    committed.map((path) => ({ path, text: sampleText(`graphile-committed/${path}`) })),
    'exact',
    'equal',
  ],
  ['postgres-migrations', 'postgres-migrations', 'public.migrations', numbered('_'), 'zone-unknown', 'equal'],
  ['postgrator', 'postgrator', 'public.schemaversion', numbered('.do.'), 'zone-unknown', 'equal'],
  [
    'typeorm',
    'TypeORM',
    'public.migrations',
    files(
      (name, i) =>
        `${[1704445200000, 1707732900000, 1710945000000, 1714636800000, 1718125500000][i - 1]}-${name}.ts`,
    ),
    'none',
    null,
  ],
  ['supabase', 'Supabase CLI', 'supabase_migrations.schema_migrations', plain, 'none', 'equal'],
  ['liquibase', 'Liquibase', 'public.databasechangelog', liquibaseFiles, 'zone-unknown', 'equal'],
  ['sqitch', 'Sqitch', 'sqitch.changes', sqitchFiles, 'exact', 'equal'],
  ['django', 'Django', 'public.django_migrations', djangoFiles, 'exact', null],
] as const)('%s: five rows, five files', async ([sample, tool, table, of, time, check]) => {
  const found = await readOne(sample, of);
  expect([found.tool, found.place]).toEqual([tool, table]);
  const reading = readingOf(found);
  const withoutFile = sample === 'prisma' ? ['20240701000000_bad'] : [];
  expect(reading.withoutFile.map(({ name }) => name)).toEqual(withoutFile);
  expect(reading.withoutRow).toEqual([]);
  expect(reading.applied.map(({ file }) => file.path)).toEqual(of.map(({ path }) => path));
  expect(reading.applied.map((one) => one.check)).toEqual(of.map(() => check ?? 'unverified'));
  expect(reading.checkedBy === null).toBe(check === null);
  expect(reading.time).toBe(time);
  for (const { recorded } of reading.applied) {
    if (time === 'none') expect(recorded.appliedAt).toBe(null);
    else expect(recorded.appliedAt).toMatch(/^2026-11-27T07:\d\d:\d\d\.\d{6}Z$/);
  }
});

test('Ecto: each prefix has a history of its own', async () => {
  await db.query(sampleText('ecto.sql'));
  const found = await readSamples(
    session,
    files((name) => `${name}.exs`),
  );
  const places = found.map((one) => {
    const { applied, withoutRow, time } = readingOf(one);
    return [one.tool, one.place, applied.length, withoutRow.length, time];
  });
  expect(places).toEqual([
    ['Ecto', 'acme.schema_migrations', 5, 0, 'exact'],
    ['Ecto', 'globex.schema_migrations', 3, 2, 'exact'],
    ['Ecto', 'public.schema_migrations', 5, 0, 'exact'],
  ]);
});

test('Prisma: a failed migration refuses the history', async () => {
  const { reading } = await readOne('prisma-failed', prismaFiles);
  expect(reading).toMatchObject({
    refused: 'migration 20240320143000_order_status failed or is still running (P3009)',
    hint: expect.stringContaining('prisma migrate resolve'),
  });
});

test('Alembic: what comes before a head is applied, and what comes after it is not', async () => {
  const { applied, withoutRow } = readingOf(await readOne('alembic', pythonFiles));
  expect(applied.map(({ recorded }) => recorded.name)).toEqual(['a1', 'b2', 'c3', '1ae00d7eb1e6']);
  expect(withoutRow.map(({ path }) => path)).toEqual(['versions/d4_x.py']);
});

test('Alembic: without Python files, the head is a row without a file', async () => {
  const { applied, withoutFile } = readingOf(await readOne('alembic', plain));
  expect([applied.length, withoutFile.length]).toEqual([0, 1]);
});

test.for([
  ['prisma', prismaFiles],
  ['postgrator', numbered('.do.')],
  ['postgres-migrations', numbered('-')],
  ['supabase', plain],
] as const)('%s: a changed file is changed, one with other line ends is not', async ([sample, of]) => {
  const [first, second, ...others] = of;
  if (first === undefined || second === undefined) throw new Error('no files');
  const edited = [
    { ...first, text: `${first.text}\nselect 1;` },
    { ...second, text: second.text.replaceAll('\n', '\r\n') },
    ...others.map((file) => ({ ...file, text: file.text.replaceAll('\r\n', '\n') })),
  ];
  const { applied } = readingOf(await readOne(sample, edited));
  expect(applied.map(({ file, check }) => [file.path, check])).toEqual(
    of.map(({ path }, i) => [path, i === 0 ? 'changed' : 'equal']),
  );
});

test('Drizzle: the journal tells a changed file from one that never ran', async () => {
  const [first, ...others] = numbered('_');
  if (first === undefined) throw new Error('no files');
  const edited = [{ ...first, text: 'select 1' }, ...others];
  const without = readingOf(await readOne('drizzle', edited));
  expect([without.withoutFile.length, without.withoutRow.map(({ path }) => path)]).toEqual([1, [first.path]]);
  const journal = { entries: [{ tag: '001_create_customers', when: 1704445200000 }] };
  const [again] = await readSamples(session, [
    ...edited,
    { path: 'meta/_journal.json', text: JSON.stringify(journal) },
  ]);
  const { applied, withoutRow } = readingOf(again ?? expect.fail());
  expect(applied.map(({ check }) => check)).toEqual(['changed', 'equal', 'equal', 'equal', 'equal']);
  expect(withoutRow).toEqual([]);
  const broken = [...edited, { path: 'meta/_journal.json', text: '{' }];
  await expect(readSamples(session, broken)).rejects.toThrow(
    'meta/_journal.json is not a journal of Drizzle',
  );
});

test('Drizzle: of files with the same text, each row is of one', async () => {
  const twins = ['001_a.sql', '002_b.sql', '003_c.sql'].map((path) => ({ path, text: '' }));
  const hash = createHash('sha256').digest('hex');
  await db.query(`create schema drizzle;
    create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
    insert into drizzle.__drizzle_migrations (hash, created_at) values ('${hash}', 1), ('${hash}', 2)`);
  const { applied, withoutFile, withoutRow } = readingOf(await readOnlySample(session, twins));
  expect(applied.map(({ file }) => file.path)).toEqual(['001_a.sql', '002_b.sql']);
  expect([withoutFile, withoutRow]).toEqual([[], twins.slice(2)]);
});

test('postgrator: times are those of UTC, which its session took as its own', async () => {
  await db.query(sampleText('postgrator.sql'));
  const times = async () => readingOf(await readOnlySample(session, numbered('_')));
  const { applied, time } = await times();
  expect([applied.length, time]).toEqual([5, 'zone-unknown']);
  await session.run(
    `set timezone = 'Asia/Tokyo'; update schemaversion set run_at = run_at - interval '9 hours'`,
  );
  expect((await times()).applied.map(({ recorded }) => recorded.appliedAt)).toEqual(
    applied.map(({ recorded }) => recorded.appliedAt),
  );
  await session.run('reset timezone');
});

test('Alembic: a revision on which an applied one depends is applied as well', async () => {
  const [a1, ...others] = pythonFiles;
  if (a1 === undefined) throw new Error('no files');
  const lib = { path: 'versions/lib_x.py', text: "revision = 'lib'\ndown_revision = None\n" };
  const dependent = { ...a1, text: `${a1.text}depends_on = ['lib', 'label']\n` };
  const { applied, withoutFile } = readingOf(await readOne('alembic', [dependent, ...others, lib]));
  expect(applied.map(({ recorded }) => recorded.name)).toContain('lib');
  expect(withoutFile).toEqual([]);
});

test.for([
  ['-- Enter migration here\n', true],
  ['select 1;', false],
] as const)('graphile-migrate: %j in current.sql', async ([content, isEmpty]) => {
  await db.query(sampleText('graphile-migrate.sql'));
  await db.query(`insert into graphile_migrate.current values ('current.sql', '${content}', now())`);
  const [found] = await readSamples(session, plain);
  expect('refused' in (found?.reading ?? {})).toBe(!isEmpty);
});

test.for([
  ['context:test', undefined],
  ['labels:"a, b"', undefined],
  ['dbms:oracle', undefined],
  ['dbms:oracle,postgresql', expect.stringMatching(/^changeset sample:x of .* is not deployed/)],
  ['runOnChange:true', expect.stringMatching(/^changeset sample:x of .* is not deployed/)],
] as const)('a changeset with %s that has no row', async ([attribute, refused]) => {
  await db.query(sampleText('liquibase.sql'));
  const [first, ...others] = liquibaseFiles;
  const more = `${first?.text}\n--changeset sample:x ${attribute}\nselect 1;\n`;
  const reading = (await readSamples(session, [{ path: first?.path ?? '', text: more }, ...others]))[0]
    ?.reading;
  expect(reading).toEqual(
    refused === undefined
      ? expect.objectContaining({ withoutRow: [] })
      : expect.objectContaining({ refused }),
  );
});

test('a lock row says that the tool is at work, or died', async () => {
  await db.query(sampleText('knex.sql'));
  await db.query('update knex_migrations_lock set is_locked = 1');
  expect((await readSamples(session, plain))[0]?.reading).toMatchObject({
    hint: expect.stringContaining('migrate:unlock'),
  });
  await db.query('drop table knex_migrations, knex_migrations_lock');
  await db.query(sampleText('liquibase.sql'));
  await db.query(`update databasechangeloglock set locked = true, lockedby = 'ci'`);
  expect((await readSamples(session, plain))[0]?.reading).toMatchObject({
    refused: 'the changelog lock is held by ci',
  });
});
