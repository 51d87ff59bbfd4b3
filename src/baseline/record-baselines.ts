import type { AdoptedSchema } from '../adopt/import-histories.ts';
import { appliedMigration, attemptOf } from '../execute/attempt.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { defaultConcurrency } from '../fleet/phase.ts';
import { composeBaseline } from '../protocol/adoption.ts';
import { repairSchemas, watchWait } from '../repair/repair.ts';
import { unitContext } from '../run/context.ts';
import type { Migration, Script } from '../sql/migration.ts';
import type { BaselineProposal } from './baseline-proposals.ts';

/**
 * Records baselines, each schema in one transaction under the locks of `up`. Busy schemas are retried. A failure
 * affects only its own schema. A history that has received rows in the meantime is left unchanged.
 */
export async function recordBaselines(
  migrationRun: MigrationRun,
  proposals: readonly BaselineProposal[],
  scripts: ReadonlyMap<Migration, Script>,
): Promise<AdoptedSchema[]> {
  const { run, settings } = migrationRun;
  const wanted = new Map(proposals.map(({ target, files }) => [target.schema, files]));
  const context = unitContext(run, { ...settings, sync: true });
  const outcomes = await repairSchemas(
    migrationRun,
    proposals.map(({ target }) => target),
    {
      hasWork: ({ schema, rows }) => wanted.has(schema) && rows.length === 0,
      openSession: () => run.openSession(),
      concurrency: run.config.concurrency ?? defaultConcurrency(run.server.version),
      async attempt(session, target) {
        const schema = unitSchema(target, null);
        const wait = watchWait();
        const applied = (wanted.get(target.schema) ?? []).flatMap((file) => {
          const script = scripts.get(file);
          return script === undefined ? [] : [{ script, appliedAt: null }];
        });
        try {
          await session.run(composeBaseline(schema, applied, context), wait.onRow);
          return { kind: 'done', applied: applied.map(({ script }) => appliedMigration(script.migration)) };
        } catch (error) {
          return attemptOf(error, { schema, context }, wait.isWaiting());
        }
      },
    },
  );
  return outcomes.map(({ state, ...outcome }) => ({
    ...outcome,
    state: state === 'repaired' ? 'adopted' : state,
  }));
}
