import { SqlmigError } from '../errors.ts';
import type { Attempt } from '../execute/attempt.ts';
import type { Migrator } from '../fleet/migrator.ts';
import { rehearsable } from '../fleet/rehearsable.ts';
import { rehearseSchema } from '../fleet/rehearse-schema.ts';
import { setOwnPath } from '../protocol/unit-settings.ts';
import type { Target } from '../state/target.ts';
import type { SharedTables } from './look.ts';
import { pairTables, type TablePair } from './pairs.ts';
import type { SplitObstacle } from './paths.ts';
import { createShapeReader, readShape, type SchemaShape, selectShape } from './tables.ts';

/** The tables that the tenant files create, and the obstacles. */
export interface Model {
  readonly pairs: readonly TablePair[];
  readonly obstacles: readonly SplitObstacle[];
}

/**
 * Determines which tables the tenant files create: the tables of a tenant that has all files, or of one that is built
 * in a transaction and rolled back.
 * @throws SqlmigError if a file fails; `lock-timeout` if another run holds the lock.
 */
export async function readModel(
  migrator: Migrator,
  targets: readonly Target[],
  shared: SharedTables,
): Promise<Model> {
  const isComplete = ({ exists, plan }: Target) => exists && plan.steps.length === 0;
  const target = targets.find(isComplete) ?? targets[0];
  if (target === undefined) return { pairs: [], obstacles: [] };
  const { run, scripts } = migrator;
  if (isComplete(target))
    return modelOf(await run.read((session) => readShape(session, target.schema)), shared);
  const made = await rehearsedShape(migrator, target);
  const model = modelOf(made, shared);
  const obstacles = [...model.obstacles, ...(target.exists ? [] : seeded(made, shared))];
  const {
    left: [left],
  } = rehearsable(await scripts.of(target));
  if (left === undefined) return { ...model, obstacles };
  const hint = `create one tenant first (sqlmig tenant create), because ${left.migration.file} is non-transactional and cannot be rehearsed`;
  return { ...model, obstacles: obstacles.map((obstacle) => ({ ...obstacle, hint })) };
}

function modelOf(made: SchemaShape, { owned, staying, rules: { column, keep } }: SharedTables): Model {
  const { pairs, obstacles } = pairTables(owned, made);
  const lost = made.tables
    .filter(({ name }) => staying.includes(name) && !keep.includes(name))
    .map(({ name }) => ({
      table: name,
      message: `the tenant files create it, but its rows lead to no table with the column "${column}"`,
      hint: 'set its path in "split.paths" of the config, or name it in "split.keep"',
    }));
  return { pairs, obstacles: [...obstacles, ...lost] };
}

function seeded({ tables }: SchemaShape, { owned }: SharedTables): SplitObstacle[] {
  const names = new Set(owned.map(({ table }) => table.name));
  return tables
    .filter(({ name, holdsData }) => names.has(name) && holdsData)
    .map(({ name }) => ({
      table: name,
      message: 'the tenant files insert rows into it',
      hint: 'insert these rows later, in a tenant file that is added after the split',
    }));
}

async function rehearsedShape(migrator: Migrator, target: Target): Promise<SchemaShape> {
  const reader = createShapeReader();
  const after = {
    sql: `${setOwnPath}${selectShape(target.schema, { newTables: true })}`,
    onRow: reader.onRow,
  };
  const attempt: Attempt = await migrator.run.read((session) =>
    rehearseSchema(migrator, session, { target, shared: null, after }),
  );
  if (attempt.kind === 'failed') throw attempt.error;
  if (attempt.kind === 'retry') {
    const { message } = attempt.error;
    throw new SqlmigError('lock-timeout', message, { schema: target.schema, cause: attempt.error });
  }
  return reader.shape();
}
