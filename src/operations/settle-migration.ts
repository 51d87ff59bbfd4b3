import { type Settlement, settlementKind } from '../decide/settlement.ts';
import { SqlmigError } from '../errors.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { checkOptions, checkValue, nullable, text } from '../project/option.ts';
import { historyKey } from '../project/order.ts';
import { type Selection, selection } from '../project/selection.ts';
import { canonicalVersion } from '../project/version.ts';
import type { IncompleteMigration } from '../repair/incomplete-migration.ts';
import { type RepairedSchema, tracedRepair } from '../repair/repair.ts';
import { type SettledMigrations, settle } from '../repair/settle.ts';
import { changedSince } from '../repair/settle-refusals.ts';
import type { Scope } from '../results.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import type { Migration } from '../sql/migration.ts';
import { readFleetState } from '../state/fleet-state.ts';
import { rereadTarget } from '../state/target.ts';

/** How far an incomplete migration was, and what came of settling it. */
export interface SettledMigration extends IncompleteMigration {
  /** The schema's outcome; none where nothing was asked for. */
  readonly schemas: readonly RepairedSchema[];
}

/**
 * Settles a non-transactional migration that stopped halfway; without `how` it only tells how far it is. Waits while
 * somebody is at work in the schema, as `up` does. What stands in the way is the error of the schema's outcome:
 * `lock-timeout`, `unsettled` where only a person can tell what became of the statement, and what the statements
 * themselves raise.
 * @throws SqlmigError `nothing-to-settle`, `checksum-changed`, and where it cannot begin.
 */
export async function settleMigration(
  config: Config,
  schema: string,
  version: string,
  how: Settlement | null,
  options: ChangeOptions = {},
): Promise<SettledMigration> {
  requireConfig(config);
  checkValue('argument schema', schema, text);
  checkValue('argument version', version, text);
  checkValue('argument how', how, nullable(settlementKind));
  checkOptions(options, changeKinds);
  return tracedRepair(config, options, (heard) => settleIn(config, schema, version, how, heard));
}

async function settleIn(
  config: Config,
  schema: string,
  version: string,
  how: Settlement | null,
  options: ChangeOptions,
): Promise<SettledMigration> {
  const migrations = await readMigrations(config);
  const settings = migrateSettings(options, config);
  const scope: Scope = schema === config.publicSchema ? 'public' : 'tenant';
  const file = migrations[scope].find((migration) => names(migration, version));
  if (file === undefined) {
    throw new SqlmigError('bad-usage', `there is no ${scope} file with the version ${version}`);
  }
  return withRun(config, settings, async (run) => {
    const basis = { scope, files: migrations[scope], options: settings.plan } as const;
    const target = await run.read((session) =>
      rereadTarget(run.readerOn(session), { schema, basis }, config.historyTable),
    );
    if (target.trouble !== null) throw target.trouble;
    const row = target.rows.find((one) => historyKey(one) === historyKey(file));
    if (row?.state !== 'incomplete') {
      throw new SqlmigError('nothing-to-settle', `${historyKey(file)} of "${schema}" is not incomplete`, {
        schema,
        state: row === undefined ? 'it is not in the history' : 'it is applied',
      });
    }
    const changed = row.checksum !== file.checksum;
    // Who has done the rest by hand may say so of the file as it is now.
    if (changed && how?.kind !== 'mark-applied') throw changedSince(file, schema);
    const settling = { targets: [target], key: historyKey(file), how };
    const { incomplete, schemas } = await settle(run, settling, migrations, settings);
    const [found] = incomplete;
    if (found === undefined) throw new RangeError('one migration gives one description');
    return { ...found, schemas };
  });
}

/**
 * Settles what stopped halfway in any of the selected schemas, whichever migration it is; the same as `settleMigration`
 * in each of them. What stands in the way of one is its outcome, and the others go on.
 * @throws SqlmigError `bad-usage` for a statement to go on with where they stopped in several files, and where it cannot
 *   begin.
 */
export async function settleMigrations(
  config: Config,
  select: Selection,
  how: Settlement,
  options: ChangeOptions = {},
): Promise<SettledMigrations> {
  requireConfig(config);
  checkValue('argument select', select, selection);
  checkValue('argument how', how, settlementKind);
  checkOptions(options, changeKinds);
  return tracedRepair(config, options, (heard) => settleSelected(config, select, how, heard));
}

async function settleSelected(
  config: Config,
  select: Selection,
  how: Settlement,
  options: ChangeOptions,
): Promise<SettledMigrations> {
  const migrations = await readMigrations(config);
  const settings = migrateSettings(options, config);
  return withRun(config, settings, async (run) => {
    const found = await run.read((_, reader) =>
      readFleetState(reader, { config, migrations, options: settings.plan }, { selection: select }),
    );
    const targets = [found.public, ...found.tenants];
    return settle(run, { targets, key: null, how }, migrations, settings);
  });
}

function names(migration: Migration, version: string): boolean {
  if (migration.version === null) return migration.name === version;
  return /^\d+$/.test(version) && canonicalVersion(migration.version) === canonicalVersion(version);
}
