import { readReplayRole } from '../baseline/replay.ts';
import { type ReplayDatabase, withReplayDatabase } from '../baseline/replay-in-database.ts';
import { SqlmigError } from '../errors.ts';
import { runLogName } from '../history/run-log.ts';
import { type Migrations, parseMigrations } from '../project/migrations.ts';
import { parseSnapshot, type Snapshot, snapshotSettings, snapshotText } from '../project/snapshot-file.ts';
import type { ErrorDetails, Scope } from '../results.ts';
import type { Run } from '../run/run.ts';
import type { MigrateSettings } from '../run/run-options.ts';
import { readSessionValues } from '../server/session-values.ts';
import { isOrdinarySchema, nameArray } from '../sql/catalog-sql.ts';
import { scriptForTenant } from '../sql/filling.ts';
import type { Migration } from '../sql/migration.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { bareName } from '../structure/makers.ts';
import { readShapes } from '../structure/read-shapes.ts';
import { compareShapes, type Shape } from '../structure/shape.ts';
import { findUnknownKinds } from '../structure/unknown-kinds.ts';
import { type BuiltTenant, composeSnapshot } from './compose.ts';
import { readDependencies } from './dependencies.ts';
import { lostPrivilegesOf } from './lost-privileges.ts';
import { changedOutside, readOutside } from './outside.ts';
import { rowStatementsOf } from './row-statements.ts';
import { mostRows, readMoment, readRows } from './rows.ts';
import { readSchemaSettings } from './schema-settings.ts';
import { type Seed, seedsOf, type Twins } from './seeds.ts';
import { unstableRowsOf } from './unstable.ts';
import { type IsWritten, writtenColumns } from './written-columns.ts';

/** The files of a project, and how they are replayed. */
export interface SnapshotRequest {
  readonly migrations: Migrations;
  readonly settings: MigrateSettings;
  /** The path of the snapshot as messages show it. */
  readonly file: string;
}

/**
 * Builds tenants from the versioned tenant files in a temporary database and writes down what they have. A third tenant,
 * which is created with the result, must have the same. Repeatables are left to their files, since versioned files that
 * are written later run before them.
 * @throws SqlmigError `snapshot-refused` if a snapshot cannot build what the files build; what a replay throws.
 */
export async function snapshotOf(run: Run, request: SnapshotRequest): Promise<Snapshot> {
  const { migrations, settings, file } = request;
  const role = await readReplayRole(run);
  if (!role.mayCreateDatabase) throw mayNotReplay(role.name);
  const tenant = migrations.tenant.filter(({ version }) => version !== null);
  const covered = { public: migrations.public, tenant };
  return withReplayDatabase(run, { migrations, settings, covered }, async (database) => {
    const twins = [`sqlmig_a_${run.runId}`, `sqlmig_b_${run.runId}`] as const;
    const { since, until, first, second } = await buildTwins(database, twins);
    await requirePrivileges(database, first, role.name);
    const isWritten = await requireStable(database, first, twins);
    const seeds = seedsOf({ names: twins, rows: [first.rows, second.rows], since, until, isWritten });
    if ('why' in seeds) throw refused(seeds.why);
    const composed = composeSnapshot(first, seeds);
    if ('why' in composed) throw refused(composed.why);
    const scripts = await parseMigrations(tenant, migrations);
    const snapshot: Snapshot = {
      covers: tenant.map((migration) => ({
        version: migration.version ?? '',
        name: migration.name,
        checksum: migration.checksum,
        statements: scripts.get(migration)?.statements.length ?? 0,
      })),
      public: migrations.public.map(({ version, name, checksum }) => ({ version, name, checksum })),
      session: await readSessionValues(database.session),
      settings: snapshotSettings(run.config, [...migrations.public, ...tenant]),
      sql: composed.sql,
    };
    await requireSame(
      database,
      { first, seeds, since, isWritten, name: `sqlmig_c_${run.runId}` },
      { file, files: covered, snapshot },
    );
    return snapshot;
  });
}

/** Builds two tenants, which must be alike and all that the tenant files build. */
async function buildTwins(
  database: ReplayDatabase,
  twins: readonly [string, string],
): Promise<{ readonly first: BuiltTenant; readonly second: BuiltTenant } & Pick<Twins, 'since' | 'until'>> {
  const { session, files, migrate, config } = database;
  const runLog = runLogName(config.historyTable);
  const ofTenants = new Set(files.migrations.tenant.map(({ file }) => file));
  const [beyond] = files.leftOut.filter(({ file }) => ofTenants.has(file));
  if (beyond !== undefined)
    throw refused(`${beyond.file}:${beyond.line} has ${beyond.what}, which affects the whole server`);
  requireReplayed(await migrate([]));
  const before = await readOutside(session, [], runLog);
  const since = await readMoment(session);
  requireReplayed(await migrate(twins));
  const until = await readMoment(session);
  const [change] = changedOutside(before, await readOutside(session, twins, runLog));
  if (change !== undefined) throw refused(`the tenant files change more than the tenant's schema: ${change}`);
  const [unknown] = await findUnknownKinds(session, twins);
  if (unknown !== undefined) throw refused(`it cannot have objects of this kind: ${unknown.kind}`);
  const [first, second] = [await readTenant(database, twins[0]), await readTenant(database, twins[1])];
  const [difference] = compareShapes(nameless(first), nameless(second));
  if (difference !== undefined)
    throw refused(`two new tenants differ in the ${difference.objectKind} ${difference.object}`);
  return { first, second, since, until };
}

function requireReplayed(error: ErrorDetails | null): void {
  if (error === null) return;
  const { message, hint, state: _, code: __, ...rest } = error;
  throw new SqlmigError('snapshot-refused', `the files cannot be replayed: ${message}`, {
    ...rest,
    state: 'nothing was written',
    hint: hint ?? 'correct the files; sqlmig verify --structure replays them, too',
  });
}

async function readTenant(
  { session, config: { historyTable } }: ReplayDatabase,
  name: string,
): Promise<BuiltTenant> {
  const request = { schemas: [name], ignore: new Set<never>(), historyTable, addresses: true };
  const shape = (await readShapes(session, request)).get(name) ?? [];
  const rows = await readRows(session, name, shape);
  if ('tooMany' in rows)
    throw refused(
      `${rows.tooMany} has more than ${mostRows} rows`,
      'insert them from the application, or keep them in a public table',
    );
  return {
    name,
    shape,
    rows,
    dependencies: await readDependencies(session),
    settings: await readSchemaSettings(session, name),
  };
}

/** What two tenants should share: everything but their names. */
function nameless({ name, shape }: BuiltTenant): Shape {
  const bare = (text: string) => text.replaceAll(name, '\0');
  return shape.map(({ kind, of, name: own, attributes }) => ({
    kind,
    of: of === null ? null : bare(of),
    name: bare(own),
    attributes: Object.fromEntries(Object.entries(attributes).map(([key, text]) => [key, bare(text)])),
  }));
}

/** Requires that no owner or privilege depends on who replays the files. */
async function requirePrivileges(
  { files: { migrations } }: ReplayDatabase,
  tenant: BuiltTenant,
  role: string,
): Promise<void> {
  const scripts = await parseMigrations(migrations.tenant, migrations);
  const filled = [...scripts.values()].map((script) => scriptForTenant(script, tenant.name));
  const found = await lostPrivilegesOf(filled, role);
  if (found === null) return;
  throw refused(
    `${found.file}:${found.line} ${found.why}`,
    'write the snapshot as a role that no file names, such as with --embedded; leave out a REVOKE without effect',
  );
}

/** Requires that the rows do not depend on what can change. Returns the columns that the files write. */
async function requireStable(
  { session, files, config }: ReplayDatabase,
  tenant: BuiltTenant,
  twins: readonly string[],
): Promise<IsWritten> {
  const { publicSchema, historyTable } = config;
  const relations =
    await session.read(`select distinct c.relname::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and ${isOrdinarySchema} and n.nspname <> all(${nameArray(twins)}) and c.relname not in (${quoteLiteral(historyTable)}, ${quoteLiteral(runLogName(historyTable))})`);
  const { public: shared, tenant: own } = files.migrations;
  const scripts = await parseMigrations([...shared, ...own], files.migrations);
  const filled = [...scripts.values()].map((script) => scriptForTenant(script, tenant.name));
  const statements = await rowStatementsOf(filled);
  const found = unstableRowsOf(statements, {
    publicSchema,
    public: new Set(relations.map(({ name }) => String(name))),
    tenant: new Set(tenant.shape.flatMap(({ of, name }) => (of === null ? [bareName(name)] : []))),
  });
  if (found === null) return writtenColumns(statements);
  throw refused(
    `${found.file}:${found.line} inserts rows that may differ in the next tenant: it ${found.why}`,
    'let the application insert such rows, or leave the value to the default of its column',
  );
}

/** A tenant that was built from the files, and what its snapshot writes. */
interface Original extends Pick<Twins, 'since' | 'isWritten'> {
  readonly first: BuiltTenant;
  readonly seeds: readonly Seed[];
}

/** A snapshot to try, its file, and the files that it stands for. */
interface Copy {
  readonly snapshot: Snapshot;
  readonly file: string;
  readonly files: Readonly<Record<Scope, readonly Migration[]>>;
}

/** Creates a tenant with the snapshot, and requires it to be like the one that was built from the files. */
async function requireSame(
  database: ReplayDatabase,
  { first, seeds, name, ...rest }: Original & { readonly name: string },
  { snapshot, file, files }: Copy,
): Promise<void> {
  const found = parseSnapshot(snapshotText(snapshot), file);
  const migrations = { ...database.files.migrations, ...files, readSnapshot: () => found };
  let unused: string | null = null;
  requireReplayed(
    await database.migrate([name], migrations, (event) => {
      if (event.type === 'warning' && event.message.includes(file)) unused = event.message;
    }),
  );
  if (unused !== null) throw refused(unused);
  const made = await readTenant(database, name);
  const [difference] = compareShapes(nameless(first), nameless(made));
  if (difference !== undefined) {
    const { objectKind, object, attribute, expected, actual } = difference;
    const what = attribute === null ? '' : ` (${attribute}: ${actual} instead of ${expected})`;
    throw refused(`it cannot have the ${objectKind} ${object} as the files build it${what}`);
  }
  const until = await readMoment(database.session);
  const again = seedsOf({ names: [first.name, name], rows: [first.rows, made.rows], ...rest, until });
  const other = 'why' in again ? again.why : differenceOf({ first, seeds }, { made, again });
  if (other !== null) throw refused(other);
}

function differenceOf(
  { first, seeds }: Pick<Original, 'first' | 'seeds'>,
  { made, again }: { readonly made: BuiltTenant; readonly again: readonly Seed[] },
): string | null {
  const bare = (value: unknown, { name }: BuiltTenant) => JSON.stringify(value).replaceAll(name, '\0');
  const isAlike = (read: (tenant: BuiltTenant) => unknown) =>
    bare(read(first), first) === bare(read(made), made);
  if (JSON.stringify(seeds) !== JSON.stringify(again))
    return 'its rows differ from those that the files insert';
  if (!isAlike(({ rows }) => [...rows.sequences])) return 'its sequences are not where the files leave them';
  if (!isAlike(({ rows }) => [...rows.materialized])) return 'its materialized views have other rows';
  if (!isAlike(({ settings }) => settings)) return 'its schema has other privileges';
  return null;
}

function mayNotReplay(role: string): SqlmigError {
  const message = `role "${role}" may not create the temporary database in which the files are replayed`;
  return new SqlmigError('server-refused', message, {
    state: 'nothing was written',
    hint: `write the snapshot on another server, such as with --embedded, or run as a superuser: ALTER ROLE ${quoteIdentifier(role)} CREATEDB;`,
  });
}

function refused(
  why: string,
  hint = 'new tenants are built from the files as long as there is no snapshot',
): SqlmigError {
  return new SqlmigError('snapshot-refused', `cannot write a snapshot of the tenant files: ${why}`, {
    state: 'nothing was written',
    hint,
  });
}
