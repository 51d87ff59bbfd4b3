import type { AdoptedSchema } from '../adopt/import-histories.ts';
import { SqlmigError } from '../errors.ts';
import { appliedMigration, attemptOf } from '../execute/attempt.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { workersOf } from '../fleet/phase.ts';
import { composeBaseline, composeBaselineStart } from '../protocol/adoption.ts';
import { repairSchemas, watchWait } from '../repair/repair.ts';
import { unitContext } from '../run/context.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { readShapeHashesInside, type ShapeRequest } from '../structure/read-shapes.ts';
import type { ShapeHash } from '../structure/shape.ts';
import type { BaselineProposal } from './baseline-proposals.ts';

/** The baselines to record, and the structure of the schemas as it was compared. */
export interface ComparedSchemas {
  readonly proposals: readonly BaselineProposal[];
  readonly hashes: ReadonlyMap<string, ShapeHash>;
  readonly request: Omit<ShapeRequest, 'schemas'>;
}

/**
 * Records baselines, each schema in one transaction under the locks of `up`. Busy schemas are retried. A failure
 * affects only its own schema. A history that has received rows in the meantime is left unchanged. A schema whose
 * structure is no longer as it was compared fails with `structure-changed`.
 */
export async function recordBaselines(
  migrationRun: MigrationRun,
  { proposals, hashes, request }: ComparedSchemas,
  scripts: ReadonlyMap<Migration, Script>,
): Promise<AdoptedSchema[]> {
  const { run, settings } = migrationRun;
  const filesBySchema = new Map(proposals.map(({ target, files }) => [target.schema, files]));
  const context = unitContext(run, { ...settings, sync: true });
  const outcomes = await repairSchemas(
    migrationRun,
    proposals.map(({ target }) => target),
    {
      hasWork: ({ schema, rows }) => filesBySchema.has(schema) && rows.length === 0,
      openSession: () => run.openSession(),
      concurrency: workersOf(run),
      async attempt(session, target) {
        const schema = unitSchema(target, null);
        const wait = watchWait();
        const applied = (filesBySchema.get(target.schema) ?? []).flatMap((file) => {
          const script = scripts.get(file);
          return script === undefined ? [] : [{ script, appliedAt: null }];
        });
        try {
          await session.run(composeBaselineStart(schema, context), wait.onRow);
          const now = await readShapeHashesInside(session, { ...request, schemas: [target.schema] });
          if (now.get(target.schema)?.hash !== hashes.get(target.schema)?.hash) {
            await session.run('ROLLBACK');
            return { kind: 'failed', error: structureChanged(target.schema) };
          }
          await session.run(composeBaseline(schema, applied, context));
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

function structureChanged(schema: string): SqlmigError {
  return new SqlmigError('structure-changed', 'the structure changed after it was compared with the files', {
    schema,
    state: 'nothing was recorded',
    hint: 'run the command again to compare it again',
  });
}
