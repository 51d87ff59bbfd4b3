import type { MigrationRun } from '../fleet/migrator.ts';
import type { DatabaseOutcome } from '../results.ts';
import { unitContext } from '../run/context.ts';
import { describeIncomplete, type IncompleteMigration } from './incomplete-migration.ts';
import { type RepairedSchema, repairSchemas } from './repair.ts';
import { settlementRepair } from './settlement-repair.ts';
import { readStartedScripts, type SettleRequest } from './started-scripts.ts';

/** The progress of incomplete migrations, and the outcome of settling them. */
export interface SettledMigrations {
  /** Incomplete migrations whose files exist. */
  readonly incomplete: readonly IncompleteMigration[];
  /** The outcome of each schema; empty if they were only described. */
  readonly schemas: readonly RepairedSchema[];
  /** What was done in each database, if the config has several. */
  readonly databases?: readonly DatabaseOutcome[];
}

/**
 * Describes the incomplete migrations of schemas, and settles them if `how` says so.
 * @throws SqlmigError for mistakes in their files, and `bad-usage` if a statement number would apply to several files or to none.
 */
export async function settle(work: MigrationRun, settling: SettleRequest): Promise<SettledMigrations> {
  const { run, settings } = work;
  const { targets, how } = settling;
  const started = await readStartedScripts(work, settling);
  const context = unitContext(run, { ...settings, sync: true });
  const incomplete: IncompleteMigration[] = [];
  for (const { script, ...found } of started.all) {
    if (script === null) continue;
    const describing = { ...found, script };
    const described = await run.read((session) => describeIncomplete(session, describing, context));
    incomplete.push({ database: run.database, ...described });
  }
  if (how === null) return { incomplete, schemas: [] };

  const repair = await settlementRepair(work, started, { how, selected: settling.key === null });
  const repairable = targets.filter((target) => target.trouble !== null || started.of(target) !== null);
  return { incomplete, schemas: await repairSchemas(work, repairable, repair) };
}
