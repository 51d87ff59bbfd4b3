import { createHash } from 'node:crypto';
import type { Packages } from './install.ts';

/** A migration before it is written in a tool's own layout. */
export interface Step {
  /** Counted from 1. */
  readonly nth: number;
  readonly version: string;
  readonly title: string;
  readonly text: string;
}

/** Files by path. */
export type Files = Readonly<Record<string, string>>;

/** Where a tool is run. */
export interface Place {
  readonly url: string;
  /** The folder that it is installed in, with the files of `runners`. */
  readonly tool: string;
  /** The folder of its files. */
  readonly dir: string;
  readonly schema: string;
}

/** How a tool is started. */
export interface Start {
  /** A JavaScript file, from the folder that the tool is installed in. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A tool from npm, and what `adopt` says of its history. */
export interface Tool {
  readonly name: string;
  /** The first one's version is the tool's. */
  readonly packages: Packages;
  /** A program that it needs and that npm does not have. */
  readonly needs?: string;
  /** As `adopt` names it. */
  readonly found: string;
  /** Its history, with the schema if that is not the one it migrates. */
  readonly table: string;
  /** It records a checksum that can be compared. */
  readonly checked: boolean;
  readonly time: 'exact' | 'zone-unknown' | 'none';
  /** It has a history in each schema. */
  readonly perSchema: boolean;
  readonly layout: (steps: readonly Step[]) => Files;
  /** The same files as plain files of sqlmig. */
  readonly ours: (steps: readonly Step[]) => Files;
  readonly start: (place: Place) => Start;
  /** What `adopt` says after a file has failed; `null` if the tool leaves no trace of it. */
  readonly failed: string | null;
  /** What `adopt` says after the tool was killed in a file. */
  readonly killed: string | null;
  /**
   * What `adopt --history` does while it runs: refuses because a lock or the history shows it, gives up because it is
   * reading the history, or takes over, and the tool fails when it records its file.
   */
  readonly whileRunning: 'named' | 'refused' | 'in use' | 'taken over';
  /** It runs a file outside of the transaction in which it records it, so the trigger comes too late for that file. */
  readonly runsUnrecorded?: true;
  /** It sends a file and its row at once, so the server finishes both after the tool was killed. */
  readonly sendsAhead?: true;
}

const named =
  (name: (step: Step) => string, text = (step: Step) => step.text) =>
  (steps: readonly Step[]): Files =>
    Object.fromEntries(steps.map((step) => [name(step), text(step)]));
const plainName = ({ version, title }: Step) => `${version}_${title}.sql`;
const digits = (nth: number, length: number) => String(nth).padStart(length, '0');
const numberedName = ({ nth, title }: Step) => `${digits(nth, 3)}_${title}.sql`;

const plain = { layout: named(plainName), ours: named(plainName) };
const numbered = named(numberedName);
const module = ({ text }: Step) =>
  `exports.up = (db) => db.raw(${JSON.stringify(text)});\nexports.down = () => {};\n`;
const searching = (url: string, schema: string) =>
  `${url}?options=${encodeURIComponent(`-c search_path=${schema}`)}`;

/** Starts a runner of our own, which drives the tool's library. */
const library =
  (file: string) =>
  (place: Place): Start => ({ program: file, args: [JSON.stringify(place)] });

const quiet = { failed: null, killed: null } as const;

// As `graphile-migrate commit` writes them; the tool compares each hash.
const committed =
  (separator: string) =>
  (steps: readonly Step[]): Files => {
    let previous = '-';
    const entries = steps.map(({ nth, title, text }) => {
      const body = `${previous === '-' ? '' : previous}\n${text.trim()}`.trim();
      const hash = `sha1:${createHash('sha1').update(`${body}\n`).digest('hex')}`;
      const head = `--! Previous: ${previous}\n--! Hash: ${hash}\n--! Message: ${title}\n`;
      previous = hash;
      return [`${digits(nth, 6)}${separator}${title}.sql`, `${head}\n${text.trim()}\n`];
    });
    return Object.fromEntries(entries);
  };

const formatted = ({ title, text }: Step) =>
  `--liquibase formatted sql\n--changeset sample:${title} splitStatements:false\n${text}`;

const drizzleFiles = (steps: readonly Step[]): Files => ({
  ...named(({ nth, title }) => `${digits(nth - 1, 4)}_${title}.sql`)(steps),
  'meta/_journal.json': JSON.stringify({
    version: '7',
    dialect: 'postgresql',
    entries: steps.map(({ nth, title, version }) => ({
      idx: nth - 1,
      version: '7',
      when: Number(version) / 10,
      tag: `${digits(nth - 1, 4)}_${title}`,
      breakpoints: true,
    })),
  }),
});
const drizzle = {
  found: 'Drizzle',
  checked: true,
  time: 'none',
  perSchema: true,
  layout: drizzleFiles,
  ours: numbered,
  ...quiet,
  whileRunning: 'taken over',
} as const;

const dbMigrate = {
  packages: { 'db-migrate': '0.11.14', 'db-migrate-pg': '1.5.2' },
  found: 'db-migrate',
  table: 'migrations',
  checked: false,
  time: 'zone-unknown',
  perSchema: true,
  layout: named(
    ({ version, title }) => `${version}-${title.replaceAll('_', '-')}.js`,
    ({ text }) =>
      `exports.up = (db) => db.runSql(${JSON.stringify(text)});\nexports._meta = { version: 1 };\n`,
  ),
  ours: named(plainName),
  ...quiet,
  whileRunning: 'taken over',
} as const;
const startDbMigrate =
  (...flags: string[]) =>
  ({ tool, url, dir, schema }: Place): Start => ({
    program: 'node_modules/db-migrate/bin/db-migrate',
    args: ['up', '--config', `${tool}/database.json`, '--migrations-dir', dir, ...flags],
    env: { DB_MIGRATE_TEST_URL: url, DB_MIGRATE_TEST_SCHEMA: schema },
  });

/** The tools, in the order of docs/adopt.md. */
export const tools: readonly Tool[] = [
  {
    name: 'dbmate',
    packages: { dbmate: '2.36.0' },
    found: 'dbmate or Rails',
    table: 'schema_migrations',
    checked: false,
    time: 'none',
    perSchema: true,
    layout: named(plainName, ({ text }) => `-- migrate:up\n${text}\n-- migrate:down\n`),
    ours: named(plainName),
    start: ({ url, dir, schema }) => ({
      program: 'node_modules/dbmate/dist/cli.js',
      args: [
        ...['--url', `${url}?sslmode=disable&search_path=${schema}`, '--migrations-dir', dir],
        ...['--no-dump-schema', 'migrate'],
      ],
    }),
    ...quiet,
    whileRunning: 'taken over',
  },
  {
    name: 'Prisma',
    packages: { prisma: '6.19.3', '@prisma/adapter-pg': '6.19.3' },
    found: 'Prisma',
    table: '_prisma_migrations',
    checked: true,
    time: 'exact',
    perSchema: true,
    layout: (steps) => ({
      ...named(({ version, title }) => `${version}_${title}/migration.sql`)(steps),
      'migration_lock.toml': 'provider = "postgresql"\n',
    }),
    ours: named(plainName),
    start: ({ url, tool, dir, schema }) => ({
      program: 'node_modules/prisma/build/index.js',
      args: ['migrate', 'deploy', '--config', `${tool}/prisma.config.mjs`],
      env: {
        PRISMA_TEST_URL: url,
        PRISMA_TEST_SCHEMA: schema,
        PRISMA_TEST_FILES: dir,
        PRISMA_TEST_MODEL: `${tool}/model.prisma`,
        PRISMA_QUERY_ENGINE_LIBRARY: `${tool}/package.json`,
        PRISMA_SCHEMA_ENGINE_BINARY: `${tool}/package.json`,
        CHECKPOINT_DISABLE: '1',
      },
    }),
    failed: 'failed or is still running (P3009)',
    killed: 'failed or is still running (P3009)',
    whileRunning: 'named',
  },
  {
    name: 'node-pg-migrate',
    packages: { 'node-pg-migrate': '9.0.0', pg: '8.23.1' },
    found: 'node-pg-migrate',
    table: 'pgmigrations',
    checked: false,
    time: 'zone-unknown',
    perSchema: true,
    ...plain,
    start: ({ url, dir, schema }) => ({
      program: 'node_modules/.bin/node-pg-migrate',
      args: ['up', '--migrations-dir', dir, '--schema', schema, '--migrations-schema', schema],
      env: { DATABASE_URL: url },
    }),
    ...quiet,
    whileRunning: 'named',
  },
  {
    name: 'knex',
    packages: { knex: '3.3.0', pg: '8.23.1' },
    found: 'knex',
    table: 'knex_migrations',
    checked: false,
    time: 'exact',
    perSchema: true,
    layout: named(({ version, title }) => `${version}_${title}.js`, module),
    ours: named(plainName),
    start: library('knex.mjs'),
    ...quiet,
    whileRunning: 'named',
  },
  {
    name: 'knex-without-transactions',
    packages: { knex: '3.3.0', pg: '8.23.1' },
    found: 'knex',
    table: 'knex_migrations',
    checked: false,
    time: 'exact',
    perSchema: true,
    layout: named(({ version, title }) => `${version}_${title}.js`, module),
    ours: named(plainName),
    start: (place) => ({ ...library('knex.mjs')(place), env: { KNEX_TEST_TRANSACTIONS: 'off' } }),
    failed: null,
    killed: 'the migration lock is held',
    whileRunning: 'refused',
    runsUnrecorded: true,
  },
  {
    name: 'drizzle-kit',
    packages: { 'drizzle-kit': '0.31.11', 'drizzle-orm': '0.45.4', pg: '8.23.1' },
    table: 'drizzle.__drizzle_migrations',
    ...drizzle,
    start: ({ url, tool, dir, schema }) => ({
      program: 'node_modules/drizzle-kit/bin.cjs',
      args: ['migrate', '--config', `${tool}/drizzle.config.mjs`],
      env: {
        DRIZZLE_TEST: JSON.stringify({
          dialect: 'postgresql',
          out: dir,
          dbCredentials: { url: searching(url, schema) },
          migrations: schema === 'public' ? {} : { schema },
        }),
      },
    }),
  },
  {
    name: 'drizzle-orm',
    packages: { 'drizzle-orm': '0.45.4', pg: '8.23.1' },
    table: 'drizzle.__drizzle_migrations',
    ...drizzle,
    start: library('drizzle-orm.mjs'),
  },
  {
    name: 'postgres-migrations',
    packages: { 'postgres-migrations': '5.3.0', pg: '8.23.1' },
    found: 'postgres-migrations',
    table: 'migrations',
    checked: true,
    time: 'zone-unknown',
    // It takes a table of its name in any schema for its own.
    perSchema: false,
    layout: numbered,
    ours: numbered,
    start: library('postgres-migrations.mjs'),
    ...quiet,
    whileRunning: 'named',
  },
  {
    name: 'postgrator',
    packages: { postgrator: '8.0.0', pg: '8.23.1' },
    found: 'postgrator',
    table: 'schemaversion',
    checked: true,
    time: 'zone-unknown',
    perSchema: true,
    layout: named(({ nth, title }) => `${digits(nth, 3)}.do.${title}.sql`),
    ours: numbered,
    start: library('postgrator.mjs'),
    ...quiet,
    whileRunning: 'taken over',
    runsUnrecorded: true,
  },
  {
    name: 'umzug',
    packages: { umzug: '3.8.3', sequelize: '6.37.8', pg: '8.23.1' },
    found: 'Sequelize',
    table: 'SequelizeMeta',
    checked: false,
    time: 'none',
    perSchema: true,
    ...plain,
    start: library('umzug.mjs'),
    ...quiet,
    whileRunning: 'taken over',
    runsUnrecorded: true,
  },
  {
    name: 'TypeORM',
    packages: { typeorm: '1.1.1', pg: '8.23.1' },
    found: 'TypeORM',
    table: 'migrations',
    checked: false,
    time: 'none',
    perSchema: true,
    layout: named(({ nth, title }) => `${1704445200000 + nth}_${title}.sql`),
    ours: named(({ nth, title }) => `${1704445200000 + nth}_${title}.sql`),
    start: library('typeorm.mjs'),
    ...quiet,
    whileRunning: 'taken over',
  },
  {
    name: 'MikroORM',
    packages: {
      '@mikro-orm/core': '6.6.16',
      '@mikro-orm/postgresql': '6.6.16',
      '@mikro-orm/migrations': '6.6.16',
      '@mikro-orm/knex': '6.6.16',
    },
    found: 'MikroORM',
    table: 'mikro_orm_migrations',
    checked: false,
    time: 'exact',
    perSchema: true,
    ...plain,
    start: library('mikro-orm.mjs'),
    ...quiet,
    whileRunning: 'in use',
  },
  {
    name: 'Kysely',
    packages: { kysely: '0.29.9', pg: '8.23.1' },
    found: 'Kysely',
    table: 'kysely_migration',
    checked: false,
    time: 'exact',
    perSchema: true,
    ...plain,
    start: library('kysely.mjs'),
    ...quiet,
    whileRunning: 'named',
  },
  {
    name: 'graphile-migrate',
    packages: { 'graphile-migrate': '1.4.1' },
    found: 'graphile-migrate',
    table: 'graphile_migrate.migrations',
    checked: true,
    time: 'exact',
    perSchema: false,
    layout: committed('-'),
    ours: committed('_'),
    start: library('graphile-migrate.mjs'),
    ...quiet,
    whileRunning: 'named',
  },
  {
    name: 'ley',
    packages: { ley: '0.8.1', pg: '8.23.1' },
    found: 'ley',
    table: 'migrations',
    checked: false,
    time: 'zone-unknown',
    perSchema: true,
    layout: named(
      ({ version, title }) => `${version}_${title}.js`,
      ({ text }) => `exports.up = (db) => db.query(${JSON.stringify(text)});\n`,
    ),
    ours: named(plainName),
    start: library('ley.mjs'),
    ...quiet,
    whileRunning: 'taken over',
  },
  {
    name: 'Supabase CLI',
    packages: { supabase: '3.1.0' },
    found: 'Supabase CLI',
    table: 'supabase_migrations.schema_migrations',
    checked: true,
    time: 'none',
    perSchema: false,
    layout: named((step) => `supabase/migrations/${plainName(step)}`),
    ours: named(plainName),
    start: ({ url }) => ({
      program: 'node_modules/supabase/dist/supabase.js',
      args: ['db', 'push', '--db-url', `${url}?sslmode=disable`, '--yes'],
    }),
    ...quiet,
    whileRunning: 'taken over',
    sendsAhead: true,
  },
  {
    name: 'Liquibase',
    needs: 'java',
    packages: { liquibase: '4.28.1' },
    found: 'Liquibase',
    table: 'databasechangelog',
    checked: true,
    time: 'zone-unknown',
    perSchema: true,
    layout: named(plainName, formatted),
    ours: named(plainName, formatted),
    start: library('liquibase.mjs'),
    failed: null,
    killed: 'the changelog lock is held',
    whileRunning: 'refused',
    runsUnrecorded: true,
  },
  {
    name: 'db-migrate',
    ...dbMigrate,
    start: startDbMigrate(),
  },
  {
    name: 'db-migrate-without-transactions',
    ...dbMigrate,
    start: startDbMigrate('--non-transactional'),
    runsUnrecorded: true,
  },
];
