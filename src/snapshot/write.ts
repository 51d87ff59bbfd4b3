import { readReplayRole } from '../baseline/replay.ts';
import { type ReplayedFiles, type ReplayedKind, withReplayDatabase } from '../baseline/replay-in-database.ts';
import { SqlmigError } from '../errors.ts';
import { filesBefore } from '../project/files-before.ts';
import { type Migrations, parseMigrations, type ScopeFiles } from '../project/migrations.ts';
import { type Snapshot, snapshotSettings } from '../project/snapshot-file.ts';
import type { Run } from '../run/run.ts';
import type { MigrateSettings } from '../run/run-options.ts';
import { readSessionValues } from '../server/session-values.ts';
import type { Migration } from '../sql/migration.ts';
import { quoteIdentifier } from '../sql/quote.ts';
import { addedRows, changeOf } from './additions.ts';
import { composeSnapshot } from './compose.ts';
import { requirePrivileges, requireStable } from './judge.ts';
import { proveSnapshot } from './proof.ts';
import { refusing } from './refusal.ts';
import { seedsOf } from './seeds.ts';
import { type Building, type BuiltTwins, buildBase, buildTwins, readTwin } from './twins.ts';

/** The files of a project, and how they are replayed. */
export interface SnapshotRequest {
  /** The files of all tenants. */
  readonly all: ScopeFiles;
  /** The files that the snapshot replaces: `all`, or the files of a kind. */
  readonly scope: ScopeFiles;
  readonly settings: MigrateSettings;
  /** The path of the snapshot as messages show it. */
  readonly file: string;
}

/** The files that a snapshot is written from. */
interface Sources {
  readonly public: readonly Migration[];
  /** The files of all tenants, which run before the files of a kind. */
  readonly before: readonly Migration[];
  /** The versioned files that it replaces. */
  readonly own: readonly Migration[];
}

/**
 * Builds two tenants from the versioned tenant files in a temporary database, and composes a snapshot of what they
 * contain. For a kind, composes only what its files add to the files of all tenants. A third tenant, created from the
 * snapshot, must equal them. A snapshot excludes repeatables, since versioned files that are added later run before
 * them.
 * @throws SqlmigError `snapshot-refused` if a snapshot cannot build what the files build; what a replay throws.
 */
export async function snapshotOf(run: Run, request: SnapshotRequest): Promise<Snapshot> {
  const { settings, file } = request;
  const { config } = request.scope;
  const { migrations } = request.all;
  const role = await readReplayRole(run);
  if (!role.mayCreateDatabase) throw mayNotReplay(role.name);
  const { kind, ...sources } = sourcesOf(request);
  const { own, before } = sources;
  const covered = { public: sources.public, tenant: kind === undefined ? own : before };
  return withReplayDatabase(run, { migrations, settings, covered, kind }, async (database) => {
    const files: ReplayedFiles = { all: database.files.migrations, kind: database.kindFiles?.migrations };
    const name = kind?.scope.name ?? null;
    const building: Building = { database, files, kind: name, refuse: refusing(name) };
    const { refuse } = building;
    const twins = [`sqlmig_a_${run.runId}`, `sqlmig_b_${run.runId}`] as const;
    const built = await buildTwins(building, twins);
    const { first, second, since, until } = built;
    await requireAdditions(building, built, run.runId);
    await requirePrivileges(building, role.name, first.name);
    const isWritten = await requireStable(building, built);
    const rows = [addedRows(built.before, first.rows), addedRows(built.before, second.rows)] as const;
    const seeds = seedsOf({ names: twins, rows, since, until, isWritten });
    if ('why' in seeds) throw refuse(seeds.why);
    const composed = composeSnapshot(first, seeds, built.before);
    if ('why' in composed) throw refuse(composed.why);
    const snapshot: Snapshot = {
      covers: await coveredFiles(own, request.scope.migrations),
      public: sources.public.map(earlierFile),
      tenant: before.map(earlierFile),
      session: await readSessionValues(database.session),
      settings: snapshotSettings(config, [...sources.public, ...before, ...own]),
      sql: composed.sql,
    };
    const original = { ...built, seeds, isWritten };
    const proving = { ...building, files: asWritten(files, sources) };
    await proveSnapshot(proving, original, { snapshot, file, name: `sqlmig_c_${run.runId}` });
    return snapshot;
  });
}

function sourcesOf({
  all,
  scope: { config, migrations },
}: SnapshotRequest): Sources & { readonly kind: ReplayedKind | undefined } {
  const own = migrations.tenant.filter(({ version }) => version !== null);
  const scope = config.scopes.find(({ name }) => name === config.scope?.name);
  return {
    public: all.migrations.public,
    before: filesBefore(migrations, config),
    own,
    kind: scope && { scope, migrations, covered: own },
  };
}

/** The files with the text of the project, by which a snapshot is recognized. */
function asWritten({ all, kind }: ReplayedFiles, { public: shared, own }: Sources): ReplayedFiles {
  return kind === undefined
    ? { all: { ...all, public: shared, tenant: own } }
    : { all, kind: { ...kind, public: shared, tenant: own } };
}

async function coveredFiles(own: readonly Migration[], migrations: Migrations): Promise<Snapshot['covers']> {
  const scripts = await parseMigrations(own, migrations);
  return own.map((migration) => ({
    version: migration.version ?? '',
    name: migration.name,
    checksum: migration.checksum,
    statements: scripts.get(migration)?.statements.length ?? 0,
  }));
}

function earlierFile({ version, name, checksum }: Migration): Snapshot['public'][number] {
  return { version, name, checksum };
}

/** @throws SqlmigError `snapshot-refused` if the files of a kind change what the files of all tenants built. */
async function requireAdditions(
  building: Building,
  { before, first }: Pick<BuiltTwins, 'before' | 'first'>,
  id: string,
): Promise<void> {
  const change = before === null ? null : changeOf(before, first);
  if (change === null) return;
  const file = await findChange(building, id);
  throw building.refuse(
    `${file} changes what the files of all tenants build: ${change}`,
    'new tenants of this kind are built from its files; for a snapshot, make the change in the files of all tenants',
  );
}

/** Finds the file that makes a change: the first one with which the change appears. */
async function findChange(building: Building, id: string): Promise<string> {
  const { database, files } = building;
  const own = files.kind?.tenant ?? [];
  let [without, within] = [0, own.length];
  while (within - without > 1) {
    const middle = Math.floor((without + within) / 2);
    const name = `sqlmig_d${middle}_${id}`;
    const before = await buildBase(building, [name]);
    const kind = files.kind && { ...files.kind, tenant: own.slice(0, middle) };
    await database.migrate([name], { ...files, kind });
    const changes = before !== null && changeOf(before, await readTwin(building, name)) !== null;
    [without, within] = changes ? [without, middle] : [middle, within];
  }
  return own[without]?.file ?? '';
}

function mayNotReplay(role: string): SqlmigError {
  const message = `role "${role}" may not create the temporary database in which the files are replayed`;
  return new SqlmigError('server-refused', message, {
    state: 'nothing was written',
    hint: `write the snapshot on another server, such as with --embedded, or run as a superuser: ALTER ROLE ${quoteIdentifier(role)} CREATEDB;`,
  });
}
