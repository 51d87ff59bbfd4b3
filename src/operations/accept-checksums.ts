import { historyTable, rowOf } from '../history/history.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { callback, checkOptions, checkValue, yesOrNo } from '../project/option.ts';
import { historyKey } from '../project/order.ts';
import { type Selection, selection } from '../project/selection.ts';
import {
  type RepairedSchema,
  type RowEdit,
  repairSchemas,
  rowRepair,
  tracedRepair,
} from '../repair/repair.ts';
import type { Scope } from '../results.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import type { Migration } from '../sql/migration.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { readFleetState } from '../state/fleet-state.ts';
import type { Target } from '../state/target.ts';

/** An applied file that was changed or renamed since, in one schema. */
export interface ChangedChecksum {
  readonly database: string;
  readonly schema: string;
  readonly scope: Scope;
  readonly version: string | null;
  readonly name: string;
  readonly file: string;
  /** The name it was applied under. */
  readonly appliedName: string;
  /** The checksum of what was applied. */
  readonly from: string;
  /** That of the file as it is now. */
  readonly to: string;
}

/** What `acceptChecksums` found and did. */
export interface AcceptedChecksums {
  readonly changed: readonly ChangedChecksum[];
  readonly accepted: boolean;
  /** What came of each schema that holds a changed file, and those of which nothing is known. */
  readonly schemas: readonly RepairedSchema[];
}

/**
 * Finds applied files that were changed or renamed since, and records their new checksums and names where `accept`, asked with all of them,
 * says so. Runs none of them.
 * @throws SqlmigError where it cannot begin.
 */
export async function acceptChecksums(
  config: Config,
  select: Selection,
  accept: (changed: readonly ChangedChecksum[]) => boolean | Promise<boolean>,
  options: ChangeOptions = {},
): Promise<AcceptedChecksums> {
  requireConfig(config);
  checkValue('argument select', select, selection);
  checkValue('argument accept', accept, callback);
  checkOptions(options, changeKinds);
  return tracedRepair(config, options, (heard) => acceptIn(config, select, accept, heard));
}

async function acceptIn(
  config: Config,
  select: Selection,
  accept: (changed: readonly ChangedChecksum[]) => boolean | Promise<boolean>,
  options: ChangeOptions,
): Promise<AcceptedChecksums> {
  const migrations = await readMigrations(config);
  const settings = migrateSettings(options, config);
  return withRun(config, settings, async (run) => {
    const found = await run.read((_, reader) =>
      readFleetState(reader, { config, migrations, options: settings.plan }, { selection: select }),
    );
    const targets = [found.public, ...found.tenants];
    const changesOf = (target: Target) =>
      changedIn(target, migrations[target.scope]).map((file) => toChanged(target, file, run.database));
    const changed = targets.flatMap(changesOf);
    const accepted = changed.length > 0 && (await accept(changed));
    checkValue('the answer of accept', accepted, yesOrNo);
    // Only what was shown is accepted, whatever is there by then.
    const shown = new Set(changed.map(keyOf));
    const edits = (target: Target) =>
      accepted
        ? changesOf(target)
            .filter((change) => shown.has(keyOf(change)))
            .map((change) => edit(change, config.historyTable))
        : [];
    const wanted = targets.filter((target) => target.trouble !== null || edits(target).length > 0);
    const repair = rowRepair(run, settings, edits);
    return { changed, accepted, schemas: await repairSchemas(run, wanted, migrations, settings, repair) };
  });
}

function keyOf({ schema, version, name, appliedName, from, to }: ChangedChecksum): string {
  return JSON.stringify([schema, version, name, appliedName, from, to]);
}

function edit({ schema, version, name, from, to }: ChangedChecksum, historyTableName: string): RowEdit {
  const table = historyTable(schema, historyTableName);
  const sql = `update ${table} set checksum = ${quoteLiteral(to)}, name = ${quoteLiteral(name)} where ${rowOf({ version, name })} and checksum = ${quoteLiteral(from)}`;
  return { version, name, sql };
}

function changedIn({ plan }: Target, files: readonly Migration[]): Migration[] {
  const changed = new Set(
    plan.findings
      .filter(({ kind }) => kind === 'checksum-changed' || kind === 'renamed')
      .map(({ file }) => file),
  );
  return files.filter((file) => changed.has(file.file));
}

function toChanged({ schema, scope, rows }: Target, file: Migration, database: string): ChangedChecksum {
  const { version, name, checksum: to } = file;
  const row = rows.find((candidate) => historyKey(candidate) === historyKey(file));
  const { name: appliedName = name, checksum: from = '' } = row ?? {};
  return { database, schema, scope, version, name, file: file.file, appliedName, from, to };
}
