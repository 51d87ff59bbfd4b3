import { isListed } from '../fleet/enlist.ts';
import type { Migrator } from '../fleet/migrator.ts';
import { everySchema } from '../project/selection.ts';
import type { Run } from '../run/run.ts';
import { selectTenants } from '../state/fleet-state.ts';
import { requireFiles } from '../state/missing-files.ts';
import { tenantRequests } from '../state/plan-source.ts';
import { readTargets, type Target } from '../state/target.ts';
import { readDependents } from './dependents.ts';
import { readModel, readShared, type SharedTables, tenantObstacles } from './look.ts';
import type { TablePair } from './pairs.ts';
import type { OwnedTable, SplitObstacle } from './paths.ts';
import { readSplitRecords, type SplitRecord } from './record.ts';
import { patientReader } from './row-reader.ts';
import { countRows, findCrossing, findFilled, type RowCounts } from './rows.ts';
import { checkIds, checkTenants, readTenantsFrom, type SplitTenant } from './tenants-from.ts';

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

/** What would be split by what. */
export interface SplitQuery {
  /** The column that has the id of the tenant. */
  readonly column: string;
  /** A query that returns the id of each tenant and the name of its schema. */
  readonly tenantsFrom: string;
}

/** What a split would do, and what is in the way. */
export interface SplitSurvey {
  readonly tables: readonly SplitTable[];
  readonly shared: SharedTables;
  readonly pairs: readonly TablePair[];
  readonly tenants: readonly SplitTenant[];
  readonly records: readonly SplitRecord[];
  /** The schemas of tenants that have been split. */
  readonly done: ReadonlySet<string>;
  readonly targets: readonly Target[];
  /** What keeps the shared tables from being dropped. */
  readonly dependents: readonly string[];
  readonly obstacles: readonly SplitObstacle[];
}

/** Looks at everything that a split depends on; changes nothing. */
export async function surveySplit(
  migrator: Migrator,
  publicTarget: Target,
  { column, tenantsFrom }: SplitQuery,
): Promise<SplitSurvey> {
  const { run, source } = migrator;
  const { config } = run;
  const first = await run.read(async (session, reader) => {
    const rows = await readTenantsFrom(reader, tenantsFrom, config.publicSchema);
    const { tenants, obstacles } = checkTenants(rows, config.publicSchema);
    const shared = await readShared(reader, config, column);
    const records = await readSplitRecords(session, config.publicSchema);
    const names = tenants.map(({ schema }) => schema);
    const targets = await readTargets(tenantRequests(source, names), reader, config.historyTable);
    const owners = shared.owned.map(({ owner }) => owner);
    const dependents = await readDependents(
      session,
      shared.owned.map(({ table }) => table),
    );
    const ids = tenants.length === 0 ? [] : await checkIds(reader, tenants, { column, owners });
    const found = tenantObstacles(targets, { tenants, records, column, owned: shared.owned });
    return {
      tenants,
      shared,
      records,
      targets,
      dependents,
      obstacles: [...obstacles, ...shared.obstacles, ...ids, ...found],
    };
  });
  requireFiles([publicTarget, ...first.targets], source.migrations, config);
  const done = new Set(first.records.map(({ schema }) => schema));
  const obstacles = [...first.obstacles, ...(await unlistedObstacles(run, first.tenants))];
  const base = {
    ...first,
    done,
    pairs: [],
    obstacles,
    tables: first.shared.owned.map((one) => report(one, column)),
  };
  if (obstacles.length > 0) return base;
  await migrator.scripts.parse(first.targets.flatMap(({ plan }) => plan.steps));
  const model = await readModel(migrator, first.targets, first.shared);
  if (model.obstacles.length > 0) return { ...base, ...model };
  return { ...base, ...(await countAll(run, { ...base, pairs: model.pairs }, column)) };
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
): Promise<Pick<SplitSurvey, 'tables' | 'pairs' | 'obstacles'>> {
  const by = { column, tenants };
  const existing = targets.filter(({ schema, exists }) => exists && !done.has(schema));
  return run.read(async (_, each) => {
    const reader = patientReader(each);
    const tables: SplitTable[] = [];
    for (const one of owned) {
      const pair = pairs.find(({ made }) => made.name === one.table.name);
      const match = pair?.match;
      tables.push({
        ...report(one, column),
        ...(match && shownMatch(match)),
        counts: await countRows(reader, one, by),
      });
    }
    const filled = await findFilled(
      reader,
      existing.map(({ schema }) => schema),
      owned.map(({ table }) => table.name),
    );
    return { tables, pairs, obstacles: [...filled, ...(await findCrossing(reader, pairs, by))] };
  });
}

function shownMatch({ onlyShared, onlyTenant, generated }: TablePair['match']) {
  return { onlyShared, onlyTenant, generated };
}

function report({ table, path, owner }: OwnedTable, column: string): SplitTable {
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

/** Tenants that no later run would migrate. */
async function unlistedObstacles(run: Run, tenants: readonly SplitTenant[]): Promise<SplitObstacle[]> {
  const { config } = run;
  const { kind } = config.database.tenants;
  const found = await run.read((_, reader) => selectTenants(reader, config, { selection: everySchema }));
  const listed = new Set('unknown' in found ? [] : found.names);
  const unlisted: SplitTenant[] = [];
  for (const tenant of kind === 'history' ? [] : tenants) {
    if (listed.has(tenant.schema) || (kind === 'pattern' && (await isListed(run, tenant.schema)))) continue;
    unlisted.push(tenant);
  }
  return unlisted.map(({ schema }) => ({
    schema,
    message: `the ${kind} in "tenants" of the config does not list it, so no run would migrate it`,
    hint: 'correct "tenants" of the config',
  }));
}
