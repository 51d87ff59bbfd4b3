import type { Migrator } from '../fleet/migrator.ts';
import { compareSplit, type SplitDifference } from './compare.ts';
import { lookAtSplit, type SplitLook, type SplitQuery } from './look.ts';
import type { OwnedTable, SplitObstacle } from './paths.ts';
import type { SplitRecord } from './record.ts';
import { patientReader, type RowReader } from './row-reader.ts';
import { type Assignment, countRows, type RowCounts } from './rows.ts';
import { againHint } from './tenant-obstacles.ts';

/** What a finish may do. */
export interface FinishRules extends SplitQuery {
  /** Drop rows that belong to no tenant. */
  readonly discardUnowned: boolean;
  /** Accept that tenants have changed their rows since they were copied. */
  readonly acceptTenantChanges: boolean;
}

/** A shared table that is dropped, and its rows. */
export interface FinishedTable extends RowCounts {
  readonly table: string;
}

/** The shared tables after a split, and the obstacles to dropping them. */
export interface FinishSurvey {
  readonly tables: readonly FinishedTable[];
  readonly differences: readonly SplitDifference[];
  readonly obstacles: readonly SplitObstacle[];
  readonly owned: readonly OwnedTable[];
  readonly records: readonly SplitRecord[];
  readonly by: Assignment;
}

/** Compares the tenants' rows with the shared ones, and looks for everything that is in the way of dropping those. */
export async function surveyFinish(migrator: Migrator, rules: FinishRules): Promise<FinishSurvey> {
  const { config } = migrator.run;
  const { column } = rules;
  return migrator.run.read(async (_, reader) => {
    const look = await lookAtSplit(reader, config, rules);
    const { tenants, records } = look;
    const { owned } = look.shared;
    const by = { column, tenants };
    const found = [
      ...look.obstacles,
      ...recordObstacles(look, column),
      ...ownerObstacles(owned),
      ...look.dependents.map(dependentObstacle),
    ];
    const nothing = { tables: [], differences: [], obstacles: found, owned, records, by };
    return found.length > 0
      ? nothing
      : { ...nothing, ...(await compareAll(patientReader(reader), nothing, rules)) };
  });
}

/** Counts the rows of the shared tables, and compares the rows of the tenants. */
export async function compareAll(
  reader: RowReader,
  { owned, records, by }: Pick<FinishSurvey, 'owned' | 'records' | 'by'>,
  { discardUnowned, acceptTenantChanges }: FinishRules,
): Promise<Pick<FinishSurvey, 'tables' | 'differences' | 'obstacles'>> {
  const tables: FinishedTable[] = [];
  for (const table of owned)
    tables.push({ table: table.table.name, ...(await countRows(reader, table, by)) });
  const schemas = new Set(by.tenants.map(({ schema }) => schema));
  const current = records.filter(({ schema }) => schemas.has(schema));
  const differences = await compareSplit(reader, { owned, records: current }, by);
  const refused = differences.filter(({ changed }) => changed === 'shared' || !acceptTenantChanges);
  const unowned = tables.filter((table) => unownedRows(table) > 0);
  return {
    tables,
    differences,
    obstacles: [...(discardUnowned ? [] : unowned.map(unownedObstacle)), ...refused.map(differenceObstacle)],
  };
}

/** The number of rows that belong to no tenant. */
export function unownedRows(table: FinishedTable | undefined): number {
  return table === undefined ? 0 : table.rows - table.owned;
}

function unownedObstacle(table: FinishedTable): SplitObstacle {
  const n = unownedRows(table);
  return {
    table: table.table,
    message: `${n} ${n === 1 ? 'row belongs' : 'rows belong'} to no tenant of the query`,
    hint: 'assign them to a tenant, or drop them with --discard-unowned',
  };
}

function differenceObstacle({ schema, table, changed, sharedRows, ownRows }: SplitDifference): SplitObstacle {
  const counts = `${ownRows ?? 'no comparable'} rows there, ${sharedRows} in the shared table`;
  return changed === 'shared'
    ? {
        schema,
        table,
        message: `the shared rows have changed since they were copied: ${counts}`,
        hint: againHint,
      }
    : {
        schema,
        table,
        message: `the tenant's rows have changed since they were copied: ${counts}`,
        hint: 'if the application writes there already, accept it with --accept-tenant-changes',
      };
}

function recordObstacles(
  { records, tenants, shared: { owned } }: Pick<SplitLook, 'records' | 'tenants' | 'shared'>,
  column: string,
): SplitObstacle[] {
  const bySchema = new Map(records.map((record) => [record.schema, record]));
  return tenants.flatMap(({ schema, id }): SplitObstacle[] => {
    const record = bySchema.get(schema);
    if (record === undefined)
      return [{ schema, message: 'it is not split yet', hint: 'run the same command without --finish' }];
    const isSame = record.id === id && record.splitBy === column;
    const lacking = owned.filter(({ table }) => !record.tables.has(table.name));
    if (isSame && lacking.length === 0) return owned.flatMap((table) => addedColumns(record, table));
    return [{ schema, message: 'it was split by another column, id or set of tables', hint: againHint }];
  });
}

function addedColumns({ schema, tables }: SplitRecord, { table }: OwnedTable): SplitObstacle[] {
  const copied = tables.get(table.name);
  const knownColumns = new Set([...(copied?.columns ?? []).map(({ name }) => name), ...(copied?.left ?? [])]);
  return table.columns
    .filter(({ name }) => !knownColumns.has(name))
    .map(({ name }) => ({
      schema,
      table: table.name,
      message: `the column "${name}" was added to the shared table after the rows were copied`,
      hint: `drop the column, after copying its values if you need them, or ${againHint}`,
    }));
}

function ownerObstacles(owned: readonly OwnedTable[]): SplitObstacle[] {
  return owned
    .filter(({ table }) => !table.isOwner)
    .map(({ table }) => ({
      table: table.name,
      message: 'the role does not own it',
      hint: 'run this with the role that owns the shared tables',
    }));
}

function dependentObstacle(what: string): SplitObstacle {
  return {
    message: `${what} depends on a shared table that is to be dropped`,
    hint: 'drop it in a public file, or change it to use other tables',
  };
}
