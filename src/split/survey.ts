import { SqlmigError } from '../errors.ts';
import type { Migrator } from '../fleet/migrator.ts';
import type { Config } from '../project/config.ts';
import type { Run } from '../run/run.ts';
import type { Session } from '../server/session.ts';
import { requireFiles } from '../state/missing-files.ts';
import { tenantRequests } from '../state/plan-source.ts';
import { readTargets, type Target } from '../state/target.ts';
import { lookAtSplit, type SplitLook, type SplitQuery } from './look.ts';
import { readModel } from './model.ts';
import type { TablePair } from './pairs.ts';
import type { OwnedTable, SplitObstacle } from './paths.ts';
import { readSplitRecords } from './record.ts';
import { patientReader } from './row-reader.ts';
import { countRows, findCrossing, findFilled, type RowCounts } from './rows.ts';
import { tenantObstacles, unlistedObstacles } from './tenant-obstacles.ts';

/** A shared table that is split, as a report shows it. */
export interface SplitTable {
  readonly table: string;
  /** How its rows belong to a tenant: the tables on the way, each with the columns that lead to the next one. */
  readonly path: readonly { readonly table: string; readonly columns: readonly string[] }[];
  /** `null` if they were not counted, because of an obstacle. */
  readonly counts: RowCounts | null;
  /** Columns that only the shared table has; their values are not copied. */
  readonly onlyShared: readonly string[];
  /** Columns that only the tenants' tables have; they get their defaults. */
  readonly onlyTenant: readonly string[];
  /** Columns that the tenants' tables compute. */
  readonly generated: readonly string[];
  /** No index begins with the column that the rows of a tenant are found by, so each tenant reads the whole table. */
  readonly unindexed: boolean;
}

/** What a split would do, and the obstacles to it. */
export interface SplitSurvey extends SplitLook {
  readonly tables: readonly SplitTable[];
  readonly pairs: readonly TablePair[];
  /** The schemas of tenants that have been split. */
  readonly done: ReadonlySet<string>;
  readonly targets: readonly Target[];
}

/** Looks at everything that a split depends on; changes nothing. */
export async function surveySplit(
  migrator: Migrator,
  publicTarget: Target,
  query: SplitQuery,
): Promise<SplitSurvey> {
  const { run, source } = migrator;
  const { config } = run;
  const { column } = query;
  const first = await run.read(async (_, reader) => {
    const look = await lookAtSplit(reader, config, query);
    const names = look.tenants.map(({ schema }) => schema);
    const targets = await readTargets(tenantRequests(source, names), reader, config.historyTable);
    const obstacles = [...look.obstacles, ...tenantObstacles(targets, look, column)];
    return { ...look, targets, obstacles };
  });
  requireFiles([publicTarget, ...first.targets], source.migrations, config);
  const done = new Set(first.records.map(({ schema }) => schema));
  const obstacles = [...first.obstacles, ...(await unlistedObstacles(run, first.tenants))];
  const base = {
    ...first,
    done,
    pairs: [],
    obstacles,
    tables: first.shared.owned.map((table) => toSplitTable(table, column)),
  };
  if (obstacles.length > 0) return base;
  await migrator.scripts.parse(first.targets.flatMap(({ plan }) => plan.steps));
  const model = await readModel(migrator, first.targets, first.shared);
  const paired = { ...base, ...model };
  return model.obstacles.length > 0 ? paired : { ...paired, ...(await countAll(run, paired, column)) };
}

/** Reads the rows. */
async function countAll(
  run: Run,
  {
    tenants,
    targets,
    done,
    shared: { owned },
    pairs,
  }: Pick<SplitSurvey, 'tenants' | 'targets' | 'done' | 'shared' | 'pairs'>,
  column: string,
): Promise<Pick<SplitSurvey, 'tables' | 'obstacles'>> {
  const by = { column, tenants };
  const { config } = run;
  const existing = targets.filter(({ schema, exists }) => exists && !done.has(schema));
  return run.read(async (session, each) => {
    const reader = patientReader(each);
    const tables: SplitTable[] = [];
    for (const table of owned) {
      const match = pairs.find(({ made }) => made.name === table.table.name)?.match;
      tables.push({
        ...toSplitTable(table, column),
        ...(match && shownMatch(match)),
        counts: await countRows(reader, table, by),
      });
    }
    const filled = await findFilled(
      reader,
      existing.map(({ schema }) => schema),
      owned.map(({ table }) => table.name),
    );
    if (filled.length > 0) await refuseIfSplit(session, config, filled);
    return { tables, obstacles: [...filled, ...(await findCrossing(reader, pairs, by))] };
  });
}

/** @throws SqlmigError `lock-timeout` if another run has split one of these tenants since the records were read. */
async function refuseIfSplit(
  session: Session,
  { publicSchema }: Config,
  filled: readonly SplitObstacle[],
): Promise<void> {
  const records = await readSplitRecords(session, publicSchema);
  const split = filled.find(({ schema }) => records.some((record) => record.schema === schema));
  if (split !== undefined)
    throw new SqlmigError('lock-timeout', 'another run is splitting these tenants', {
      ...(split.schema !== undefined && { schema: split.schema }),
    });
}

function shownMatch({ onlyShared, onlyTenant, generated }: TablePair['match']) {
  return { onlyShared, onlyTenant, generated };
}

function toSplitTable({ table, path, owner }: OwnedTable, column: string): SplitTable {
  const [first] = path;
  const by = first?.columns ?? [column];
  const ways = path.map((step, i) => ({
    table: i === 0 ? table.name : (path[i - 1]?.table ?? ''),
    columns: step.columns,
  }));
  return {
    table: table.name,
    path: [...ways, { table: owner.name, columns: [column] }],
    counts: null,
    onlyShared: [],
    onlyTenant: [],
    generated: [],
    unindexed: !table.indexed.some((name) => by.includes(name)),
  };
}
