import { type Settlement, settlementKind } from '../decide/settlement.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { checkOptions, type Kinds, nullable, text } from '../project/option.ts';
import { type Selection, selection } from '../project/selection.ts';
import { tracedRepair } from '../repair/repair.ts';
import type { SettledMigrations } from '../repair/settle.ts';
import { type SettledMigration, settleOne, settleSelected } from '../repair/settle-selected.ts';
import { type ChangeOptions, changeKinds } from '../run/run-options.ts';

/** Which incomplete migration to settle, and how. */
export interface SettleMigrationOptions extends ChangeOptions {
  readonly schema: string;
  /** Its version; the name of a repeatable. */
  readonly version: string;
  /** `null`, the default, only describes it. */
  readonly how?: Settlement | null;
}

/** Whose incomplete migrations to settle, and how. */
export interface SettleMigrationsOptions extends ChangeOptions {
  readonly select: Selection;
  readonly how: Settlement;
}

const oneKinds: Kinds<SettleMigrationOptions> = {
  ...changeKinds,
  schema: { ...text, required: true },
  version: { ...text, required: true },
  how: nullable(settlementKind),
};

const manyKinds: Kinds<SettleMigrationsOptions> = {
  ...changeKinds,
  select: { ...selection, required: true },
  how: { ...settlementKind, required: true },
};

/**
 * Settles a non-transactional migration that was started but not finished, or describes it. Waits for other runs in the
 * schema, as `up` does. A failure is the outcome of the schema: `lock-timeout`, `unsettled` if sqlmig cannot determine
 * whether the statement took effect, or the error of a statement.
 * @throws SqlmigError `nothing-to-settle`, `checksum-changed`, and if it cannot start: `bad-usage`, `config-invalid`,
 *   mistakes in the files, no connection.
 */
export async function settleMigration(
  config: Config,
  options: SettleMigrationOptions,
): Promise<SettledMigration> {
  requireConfig(config);
  checkOptions(options, oneKinds);
  const { schema, version, how = null, ...change } = options;
  return tracedRepair(config, change, (traced) => settleOne(config, { schema, version, how }, traced));
}

/**
 * Settles every incomplete migration in the selected schemas, each as `settleMigration` does. A failure is the outcome
 * of its schema, and the others continue.
 * @throws SqlmigError `bad-usage` if `how` names a statement and the schemas stopped in several files, and if it cannot
 *   start: `config-invalid`, mistakes in the files, no connection.
 */
export async function settleMigrations(
  config: Config,
  options: SettleMigrationsOptions,
): Promise<SettledMigrations> {
  requireConfig(config);
  checkOptions(options, manyKinds);
  const { select, how, ...change } = options;
  return tracedRepair(config, change, (traced) => settleSelected(config, { select, how }, traced));
}
