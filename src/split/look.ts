import type { Attempt } from '../execute/attempt.ts';
import type { Migrator } from '../fleet/migrator.ts';
import { rehearsable } from '../fleet/rehearsable.ts';
import { rehearseSchema } from '../fleet/rehearse-schema.ts';
import type { Reader } from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import { setOwnPath } from '../protocol/unit-settings.ts';
import type { Target } from '../state/target.ts';
import type { CopyRules } from './copy.ts';
import { pairTables, type TablePair } from './pairs.ts';
import { findPaths, type OwnedTable, type SplitObstacle } from './paths.ts';
import { type SplitRecord, splitTable } from './record.ts';
import { createShapeReader, readShape, type SchemaShape, selectShape, type TableShape } from './tables.ts';
import type { SplitTenant } from './tenants-from.ts';

/** What is split, by the catalogs. */
export interface SharedTables {
  readonly owned: readonly OwnedTable[];
  /** The other tables of the shared schema. */
  readonly staying: readonly string[];
  readonly rules: CopyRules;
  readonly obstacles: readonly SplitObstacle[];
}

/** Reads the shared tables, and finds out which are split. */
export async function readShared({ session }: Reader, config: Config, column: string): Promise<SharedTables> {
  const { publicSchema, historyTable, split } = config;
  const { tables: all, sequences } = await readShape(session, publicSchema);
  const tables = all.filter(({ name }) => name !== historyTable && name !== splitTable);
  const { owned, obstacles } = findPaths({ tables, column, ...split });
  const names = new Set(owned.map(({ table }) => table.name));
  const undecided = new Set(obstacles.map(({ table }) => table));
  const others = tables.filter(({ name }) => !names.has(name) && !undecided.has(name));
  const none: SplitObstacle[] =
    owned.length > 0 || obstacles.length > 0
      ? []
      : [
          {
            message: `no table of "${publicSchema}" has a column "${column}"`,
            hint: 'name the column that has the id of the tenant in --split-by',
          },
        ];
  return {
    owned,
    staying: others.map(({ name }) => name),
    rules: {
      column,
      keep: split.keep,
      triggers: split.triggers,
      shared: { schema: publicSchema, sequences },
    },
    obstacles: [
      ...none,
      ...obstacles,
      ...owned.flatMap(({ table }) => accessObstacles(table)),
      ...others.flatMap((table) => keptObstacles(table, names)),
    ],
  };
}

function accessObstacles({ name, mayRead, hidesRows, inherits }: TableShape): SplitObstacle[] {
  return [
    ...(mayRead ? [] : [{ table: name, message: 'the role may not read it', hint: 'grant SELECT on it' }]),
    ...(hidesRows
      ? [
          {
            table: name,
            message: 'row security would hide rows from the role',
            hint: 'run this with a role that has BYPASSRLS',
          },
        ]
      : []),
    ...(inherits
      ? [
          {
            table: name,
            message: 'it inherits from a table, or a table inherits from it',
            hint: 'name both in "split.keep" of the config, or end the inheritance (ALTER TABLE … NO INHERIT)',
          },
        ]
      : []),
  ];
}

/** A table that stays must not refer to rows that leave. */
function keptObstacles(
  { schema, name, foreignKeys }: TableShape,
  owned: ReadonlySet<string>,
): SplitObstacle[] {
  return foreignKeys
    .filter(({ to }) => to.schema === schema && owned.has(to.table))
    .map((key) => ({
      table: name,
      message: `it stays shared, and its foreign key "${key.name}" refers to ${key.to.table}, which is split`,
      hint: 'drop the foreign key, or split the table too',
    }));
}

/** A tenant's tables as the files make them, and what is in the way. */
export interface Model {
  readonly pairs: readonly TablePair[];
  readonly obstacles: readonly SplitObstacle[];
}

/**
 * Finds out what tables the tenant files make: those of a tenant that has all files, else of one that is built in a
 * transaction that is rolled back.
 * @throws SqlmigError if a file fails.
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
  const { left } = rehearsable(await scripts.of(target));
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
      message: `the tenant files make it, but its rows lead to no table with the column "${column}"`,
      hint: 'say how in "split.paths" of the config, or name it in "split.keep"',
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
  if (attempt.kind === 'failed' || attempt.kind === 'retry') throw attempt.error;
  return reader.shape();
}

/** Obstacles among the tenants: what was split before, and schemas that cannot be migrated. */
export function tenantObstacles(
  targets: readonly Target[],
  { tenants, records, column, owned }: Recorded,
): SplitObstacle[] {
  const byName = new Map(records.map((record) => [record.schema, record]));
  const byTarget = targets.flatMap(({ schema, trouble, isUnmanaged }): SplitObstacle[] => {
    if (trouble !== null)
      return [{ schema, message: trouble.message, hint: trouble.details.hint ?? 'see sqlmig status' }];
    return isUnmanaged
      ? [
          {
            schema,
            message: 'the schema has tables, but no migration is applied',
            hint: 'drop the schema if it is not needed, or correct the query of --tenants-from',
          },
        ]
      : [];
  });
  const byRecord = tenants.flatMap(({ schema, id }): SplitObstacle[] => {
    const other = records.find((one) => one.splitBy === column && one.id === id && one.schema !== schema);
    if (other !== undefined)
      return [
        {
          schema,
          message: `its id ${id} was split before, to the schema "${other.schema}"`,
          hint: 'correct the query of --tenants-from, or drop that schema with its copied rows',
        },
      ];
    const record = byName.get(schema);
    if (record === undefined) return [];
    const same = record.id === id && record.splitBy === column;
    const names = owned.map(({ table }) => table.name);
    const isComplete = names.length === record.tables.size && names.every((name) => record.tables.has(name));
    if (same && isComplete) return [];
    const what = same ? 'other tables' : `${record.splitBy} ${record.id}`;
    return [{ schema, message: `it was split before, by ${what}`, hint: againHint }];
  });
  return [...byTarget, ...byRecord];
}

/** What to do to split a tenant again. */
export const againHint = 'drop the schema with its copied rows, and split again';

/** What was split before. */
export interface Recorded {
  readonly tenants: readonly SplitTenant[];
  readonly records: readonly SplitRecord[];
  readonly column: string;
  readonly owned: readonly OwnedTable[];
}
