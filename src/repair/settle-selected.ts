import type { Settlement } from '../decide/settlement.ts';
import { SqlmigError } from '../errors.ts';
import type { HistoryRow } from '../history/row.ts';
import type { Config } from '../project/config.ts';
import { type Migrations, readMigrations } from '../project/migrations.ts';
import { historyKey } from '../project/order.ts';
import type { Selection } from '../project/selection.ts';
import { canonicalVersion } from '../project/version.ts';
import type { Scope } from '../results.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, migrateSettings } from '../run/run-options.ts';
import type { Migration } from '../sql/migration.ts';
import { allTargets, readFleetState } from '../state/fleet-state.ts';
import { namedScope } from '../state/scope-names.ts';
import { rereadTarget, type Target } from '../state/target.ts';
import type { IncompleteMigration } from './incomplete-migration.ts';
import type { RepairedSchema } from './repair.ts';
import { type SettledMigrations, settle } from './settle.ts';
import { changedSince } from './settle-refusals.ts';

/** Which incomplete migration to settle, and how. */
export interface SettleMigrationOptions extends ChangeOptions {
  readonly schema: string;
  /** Its version; the name of a repeatable. */
  readonly version: string;
  /** `tenant` or a kind of the config, if it is incomplete in several scopes of the schema. */
  readonly scope?: string;
  /** `null`, the default, to describe it only. */
  readonly how?: Settlement | null;
}

/** Whose incomplete migrations to settle, and how. */
export interface SettleMigrationsOptions extends ChangeOptions {
  readonly select: Selection;
  readonly how: Settlement;
}

/** The progress of an incomplete migration, and the outcome of settling it. */
export interface SettledMigration extends IncompleteMigration {
  /** The outcome of the schema; empty if the migration was only described. */
  readonly schemas: readonly RepairedSchema[];
}

/** Settles one migration in one schema. */
export async function settleOne(
  config: Config,
  { schema, version, how = null, ...change }: SettleMigrationOptions,
): Promise<SettledMigration> {
  const migrations = await readMigrations(config);
  const settings = migrateSettings(change, config);
  const scope: Scope = schema === config.publicSchema ? 'public' : 'tenant';
  return withRun(config, settings, async (run) => {
    const basis = { scope, files: migrations[scope], options: settings.plan } as const;
    const target = await run.read((session) =>
      rereadTarget(run.readerOn(session), { schema, basis }, config.historyTable),
    );
    const key = requireIncomplete(target, fileOf(migrations, { target, version, config }), how);
    const settling = { targets: [target], key, how };
    const { incomplete, schemas } = await settle(
      { run, source: { config, migrations, options: settings.plan }, settings },
      settling,
    );
    const [described] = incomplete;
    if (described === undefined) throw new RangeError('one migration has one description');
    return { ...described, schemas };
  });
}

/** Settles every incomplete migration in the selected schemas. */
export async function settleSelected(
  config: Config,
  { select, how, ...change }: SettleMigrationsOptions,
): Promise<SettledMigrations> {
  const migrations = await readMigrations(config);
  const settings = migrateSettings(change, config);
  const source = { config, migrations, options: settings.plan };
  return withRun(config, settings, async (run) => {
    const state = await run.read((_, reader) => readFleetState(reader, source, { selection: select }));
    return settle({ run, source, settings }, { targets: allTargets(state), key: null, how });
  });
}

/** The file of a migration, or its row if it is being undone, since its file may belong to a newer release. */
function fileOf(
  migrations: Migrations,
  {
    target: { scope, rows },
    version,
    config,
  }: { readonly target: Target; readonly version: string; readonly config: Config },
): Migration | HistoryRow {
  const row = rows.find((candidate) => candidate.undoneBy !== undefined && hasVersion(candidate, version));
  const file = row ?? migrations[scope].find((migration) => hasVersion(migration, version));
  if (file !== undefined) return file;
  const { scope: named } = namedScope({ scope }, config);
  throw new SqlmigError('bad-usage', `there is no ${named} migration with version ${version}`, {
    state: 'nothing was run',
    hint: 'sqlmig status shows which migrations are incomplete',
  });
}

function hasVersion(migration: Pick<Migration, 'version' | 'name'>, version: string): boolean {
  if (migration.version === null) return migration.name === version;
  return /^\d+$/.test(version) && canonicalVersion(migration.version) === canonicalVersion(version);
}

/** Returns the history key of a migration, which must be incomplete. */
function requireIncomplete(target: Target, file: Migration | HistoryRow, how: Settlement | null): string {
  const { schema, trouble, rows } = target;
  if (trouble !== null) throw trouble;
  const row = rows.find((candidate) => historyKey(candidate) === historyKey(file));
  if (row?.state !== 'incomplete') {
    throw new SqlmigError('nothing-to-settle', `${historyKey(file)} of "${schema}" is not incomplete`, {
      schema,
      state: row === undefined ? 'it is not in the history' : 'it is applied',
    });
  }
  // After finishing the work by hand, a user may mark it as applied with the current file.
  if ('file' in file && row.checksum !== file.checksum && how?.kind !== 'mark-applied')
    throw changedSince(file, schema);
  return historyKey(file);
}
