import { SqlmigError } from '../errors.ts';
import { type Attempt, attemptOf } from '../execute/attempt.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { Migrator } from '../fleet/migrator.ts';
import { hasWork } from '../fleet/outcome.ts';
import { openTenantPhase, workersOf } from '../fleet/phase.ts';
import { repairSchemas } from '../repair/repair.ts';
import type { ErrorDetails } from '../results.ts';
import type { Session } from '../server/session.ts';
import { tenantRequests } from '../state/plan-source.ts';
import { readTargets, type Target } from '../state/target.ts';
import { composeCopy, copiedRows } from './copy.ts';
import type { SharedTables } from './look.ts';
import { lackedColumns, pairTables, type TablePair } from './pairs.ts';
import type { SplitObstacle } from './paths.ts';
import { composeSplitTable, isSplit, readSplitRecords } from './record.ts';
import { readShape } from './tables.ts';
import type { SplitTenant } from './tenants-from.ts';

/** What a split did to one tenant. */
export interface SplitSchema {
  readonly schema: string;
  /** The tenant's id, as text. */
  readonly id: string;
  /** `unchanged` if it had been split before. */
  readonly state: 'split' | 'unchanged' | 'failed';
  /** The number of its rows. */
  readonly rows: number;
  readonly error?: ErrorDetails;
}

/** The tenants to split, and which of them are done. */
export interface SplitWork {
  readonly shared: SharedTables;
  /** The tables that the tenant files create. */
  readonly pairs: readonly TablePair[];
  readonly tenants: readonly SplitTenant[];
  readonly done: ReadonlySet<string>;
  /** About how many rows are to be copied. */
  readonly rows: number;
}

/** Builds the tenants' schemas as `up` does, then copies their rows, in parallel; the failure of a tenant is its own. */
export async function splitTenants(migrator: Migrator, work: SplitWork): Promise<SplitSchema[]> {
  const { run, source, context, settings } = migrator;
  await run.read((session) => session.run(composeSplitTable(context)));
  const open = work.tenants.filter(({ schema }) => !work.done.has(schema));
  const failed = await buildSchemas(migrator, open);
  const ready = await readThem(
    migrator,
    open.filter(({ schema }) => !failed.has(schema)),
  );
  const copied = new Set<string>();
  settings.emit({ type: 'copy-started', tenants: ready.length, rows: work.rows });
  const ids = new Map(open.map(({ schema, id }) => [schema, id]));
  const outcomes = await repairSchemas({ run, source, settings }, ready, {
    hasWork: ({ schema, exists }) => exists && !copied.has(schema),
    openSession: () => run.openSession(),
    concurrency: workersOf(run),
    attempt: async (session, target) => {
      const tenant = { schema: target.schema, id: ids.get(target.schema) ?? '' };
      const attempt = await copyTenant(session, { target, tenant, migrator }, work);
      if (attempt.kind === 'done') copied.add(target.schema);
      return attempt;
    },
  });
  for (const { schema, error } of outcomes) {
    if (error !== undefined && !copied.has(schema)) failed.set(schema, error);
  }
  const records = await run.read((session) => readSplitRecords(session, context.publicSchema));
  const kept = new Map(records.map((record) => [record.schema, record]));
  return work.tenants.map(({ schema, id }): SplitSchema => {
    const record = kept.get(schema);
    const rows = [...(record?.tables.values() ?? [])].reduce((sum, table) => sum + table.rows, 0);
    if (record !== undefined)
      return { schema, id, state: work.done.has(schema) ? 'unchanged' : 'split', rows };
    const error = failed.get(schema);
    return { schema, id, state: 'failed', rows, ...(error && { error }) };
  });
}

/** Creates and migrates the schemas; returns the errors of those that failed. */
async function buildSchemas(
  migrator: Migrator,
  tenants: readonly SplitTenant[],
): Promise<Map<string, ErrorDetails>> {
  const targets = await readThem(migrator, tenants);
  const outcomes = await openTenantPhase(migrator, { shared: null }).migrate(targets.filter(hasWork));
  return new Map(
    outcomes.flatMap(({ schema, error }) => (error === undefined ? [] : [[schema, error] as const])),
  );
}

function readThem({ run, source }: Migrator, tenants: readonly SplitTenant[]): Promise<Target[]> {
  const requests = tenantRequests(
    source,
    tenants.map(({ schema }) => schema),
  );
  return run.read((_, reader) => readTargets(requests, reader, run.config.historyTable));
}

async function copyTenant(
  session: Session,
  {
    target,
    tenant,
    migrator: { context, settings },
  }: { target: Target; tenant: SplitTenant; migrator: Migrator },
  { shared: { owned, rules }, pairs: model }: SplitWork,
): Promise<Attempt> {
  const schema = unitSchema(target, null);
  try {
    if (await isSplit(session, context.publicSchema, target.schema)) return { kind: 'done', applied: [] };
    const made = await readShape(session, target.schema);
    const { pairs, obstacles } = pairTables(owned, made);
    const [obstacle] = [...obstacles, ...lackedColumns(pairs, model)];
    if (obstacle !== undefined) return { kind: 'failed', error: refusedTenant(target.schema, obstacle) };
    await session.run(composeCopy({ schema, tenant, made, pairs }, rules, context), (row) => {
      const copied = copiedRows(row);
      if (copied !== null) settings.emit({ type: 'rows-copied', schema: target.schema, ...copied });
    });
    return { kind: 'done', applied: [] };
  } catch (error) {
    return attemptOf(error, { schema, context });
  }
}

function refusedTenant(schema: string, { table, message, hint }: SplitObstacle): SqlmigError {
  const what = table === undefined ? message : `${table}: ${message}`;
  return new SqlmigError('server-refused', what, { schema, state: 'no row was copied', hint });
}
