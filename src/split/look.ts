import type { Reader } from '../history/read-histories.ts';
import { runLogName } from '../history/run-log.ts';
import type { Config } from '../project/config.ts';
import type { Session } from '../server/session.ts';
import type { CopyRules } from './copy.ts';
import { readDependents } from './dependents.ts';
import { findPaths, type OwnedTable, type SplitObstacle } from './paths.ts';
import { readSplitRecords, type SplitRecord, splitTable } from './record.ts';
import { readShape, type TableShape } from './tables.ts';
import { checkIds, checkTenants, readTenantsFrom, type SplitTenant } from './tenants-from.ts';

/** The column and the query that assign rows to tenants. */
export interface SplitQuery {
  /** The column that has the id of the tenant. */
  readonly column: string;
  /** A query that returns the id of each tenant and the name of its schema. */
  readonly tenantsFrom: string;
}

/** The state that a split and its finish both read. */
export interface SplitLook {
  readonly tenants: readonly SplitTenant[];
  readonly shared: SharedTables;
  readonly records: readonly SplitRecord[];
  /** Objects that prevent dropping the shared tables. */
  readonly dependents: readonly string[];
  readonly obstacles: readonly SplitObstacle[];
}

/** Reads the tenants of the query, the shared tables and the records of earlier splits. */
export async function lookAtSplit(
  reader: Reader,
  config: Config,
  { column, tenantsFrom }: SplitQuery,
): Promise<SplitLook> {
  const { session } = reader;
  const rows = await readTenantsFrom(reader, tenantsFrom, config.publicSchema);
  const { tenants, obstacles } = checkTenants(rows, config.publicSchema);
  const shared = await readShared(session, config, column);
  const owners = shared.owned.map(({ owner }) => owner);
  const ids = tenants.length === 0 ? [] : await checkIds(reader, tenants, { column, owners });
  return {
    tenants,
    shared,
    records: await readSplitRecords(session, config.publicSchema),
    dependents: await readDependents(
      session,
      shared.owned.map(({ table }) => table),
    ),
    obstacles: [...obstacles, ...shared.obstacles, ...ids],
  };
}

/** What is split, by the catalogs. */
export interface SharedTables {
  readonly owned: readonly OwnedTable[];
  /** The other tables of the shared schema. */
  readonly staying: readonly string[];
  readonly rules: CopyRules;
  readonly obstacles: readonly SplitObstacle[];
}

async function readShared(session: Session, config: Config, column: string): Promise<SharedTables> {
  const { publicSchema, historyTable, split } = config;
  const { tables: all, sequences } = await readShape(session, publicSchema);
  const own = [historyTable, runLogName(historyTable), splitTable];
  const tables = all.filter(({ name }) => !own.includes(name));
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
            hint: 'pass the column with the id of the tenant as --split-by',
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
