import { historyTable, rowOf } from '../history/history.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { readMigrations } from '../project/migrations.ts';
import { callback, checkOptions, checkValue, yesOrNo } from '../project/option.ts';
import { historyKey } from '../project/order.ts';
import { type Selection, selection } from '../project/selection.ts';
import { type RepairedSchema, repairSchemas, rowRepair, tracedRepair } from '../repair/repair.ts';
import type { Scope } from '../results.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { readFleetState } from '../state/fleet-state.ts';
import { requireFiles } from '../state/missing-files.ts';
import type { Target } from '../state/target.ts';

/** A migration that is applied in one schema, and whose file is gone. */
export interface MissingFile {
  readonly database: string;
  readonly schema: string;
  readonly scope: Scope;
  /** Without leading zeros; `null` for a repeatable. */
  readonly version: string | null;
  readonly name: string;
}

/** What `forgetMissing` found and did. */
export interface ForgottenFiles {
  readonly missing: readonly MissingFile[];
  readonly forgotten: boolean;
  /** What came of each schema that holds such a migration, and those of which nothing is known. */
  readonly schemas: readonly RepairedSchema[];
}

/**
 * Finds applied migrations whose files are gone, and deletes their rows from the histories where `accept`, asked with all
 * of them, says so. Undoes none of them. What a newer release has applied is not among them.
 * @throws SqlmigError `files-missing` where a folder has no files at all, and where it cannot begin.
 */
export async function forgetMissing(
  config: Config,
  select: Selection,
  accept: (missing: readonly MissingFile[]) => boolean | Promise<boolean>,
  options: ChangeOptions = {},
): Promise<ForgottenFiles> {
  requireConfig(config);
  checkValue('argument select', select, selection);
  checkValue('argument accept', accept, callback);
  checkOptions(options, changeKinds);
  return tracedRepair(config, options, (heard) => forgetIn(config, select, accept, heard));
}

async function forgetIn(
  config: Config,
  select: Selection,
  accept: (missing: readonly MissingFile[]) => boolean | Promise<boolean>,
  options: ChangeOptions,
): Promise<ForgottenFiles> {
  const migrations = await readMigrations(config);
  const settings = migrateSettings(options, config);
  return withRun(config, settings, async (run) => {
    const found = await run.read((_, reader) =>
      readFleetState(reader, { config, migrations, options: settings.plan }, { selection: select }),
    );
    const targets = [found.public, ...found.tenants];
    requireFiles(targets, migrations, config);
    const missing = targets.flatMap((target) =>
      missingIn(target).map(({ version, name }) => {
        const { schema, scope } = target;
        return { database: run.database, schema, scope, version, name };
      }),
    );
    const forgotten = missing.length > 0 && (await accept(missing));
    checkValue('the answer of accept', forgotten, yesOrNo);
    // Only what was shown is deleted, whatever is there by then.
    const shown = new Set(missing.map(({ schema, ...row }) => `${schema}/${historyKey(row)}`));
    const edits = (target: Target) =>
      missingIn(target)
        .filter((row) => forgotten && shown.has(`${target.schema}/${historyKey(row)}`))
        .map((row) => {
          const table = historyTable(target.schema, config.historyTable);
          const sql = `delete from ${table} where ${rowOf(row)} and checksum = ${quoteLiteral(row.checksum)} and state = 'applied'`;
          return { ...row, sql };
        });
    const wanted = targets.filter((target) => target.trouble !== null || edits(target).length > 0);
    const repair = rowRepair(run, settings, edits);
    return { missing, forgotten, schemas: await repairSchemas(run, wanted, migrations, settings, repair) };
  });
}

/** The rows of a history whose files are gone. */
function missingIn({ plan, rows }: Target) {
  const gone = plan.findings.filter(({ kind }) => kind === 'file-missing');
  const keys = new Set(gone.map(({ version = null, name = '' }) => historyKey({ version, name })));
  return rows.filter((row) => keys.has(historyKey(row)));
}
