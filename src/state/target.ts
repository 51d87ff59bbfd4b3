import { type PlanOptions, planSchema, type SchemaPlan } from '../decide/plan.ts';
import type { SqlmigError } from '../errors.ts';
import type { RecordedRow } from '../history/history.ts';
import { findSchemas, schemasWithTables } from '../history/presence.ts';
import {
  type Histories,
  type History,
  type Reader,
  readHistories,
  readHistoryDigests,
} from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import { readHolders } from '../protocol/holders.ts';
import type { Scope } from '../results.ts';
import type { Session } from '../server/session.ts';
import type { Migration } from '../sql/migration.ts';
import type { HistoryDigests } from '../tenants/tenants.ts';
import { findMovedHistories, findTroubles } from './trouble.ts';

/** A schema as it was found, and what is to be done to it. */
export interface Target {
  readonly schema: string;
  readonly scope: Scope;
  readonly exists: boolean;
  /** OID of the schema; `null` where it does not exist. */
  readonly oid: string | null;
  readonly hasHistory: boolean;
  /** Triggers, rules or row security are on the history (see `Presence`). */
  readonly mayDiscardRows: boolean;
  /** Its rows can be updated while they are published. */
  readonly isCurrent: boolean;
  /** It has tables, and no migration is recorded: they are the application's, from before sqlmig. */
  readonly isUnmanaged: boolean;
  readonly rows: readonly RecordedRow[];
  /** The history's digest as the server gave it; `null` without a history. */
  readonly digest: string | null;
  readonly plan: SchemaPlan;
  /** True when somebody holds the schema's lock; in a look at many schemas only where a migration is recorded as running. */
  readonly held: boolean;
  /** Why nothing is known of the schema; `null` where all is. Its plan is empty then. */
  readonly trouble: SqlmigError | null;
}

/** What is looked at, and how it is judged. */
export interface PlanBasis {
  readonly scope: Scope;
  readonly files: readonly Migration[];
  readonly options: PlanOptions;
}

/** A schema to look at, and how it is judged. */
export interface Wanted {
  readonly schema: string;
  readonly basis: PlanBasis;
}

/** Where schemas are looked at, and what is known of their histories already. */
export interface From extends Reader {
  readonly digests: HistoryDigests;
}

// So few histories are read at once; of more only the sum is, and the rows of one for each sum.
const fewHistories = 10;

/**
 * Looks at schemas without any lock and plans each: one catalogue query, all histories in short in batches, and the
 * rows of one schema for each distinct history; schemas with equal histories share rows and plan. A history that cannot
 * be read is the trouble of its schema alone.
 */
export async function readTargets(wanted: readonly Wanted[], from: From, table: string): Promise<Target[]> {
  if (wanted.length === 0) return [];
  const { session } = from;
  const names = wanted.map(({ schema }) => schema);
  const found = await findSchemas(session, names, table);
  const withTable = names.filter((schema) => found.get(schema)?.hasTable === true);
  const { read: histories, refused } = await readAll(withTable, from, table);
  const empty = wanted.filter(({ schema }) => found.get(schema)?.hasTable === false);
  const troubles = new Map([
    ...(await findTroubles(session, refused, table)),
    ...(await findMovedHistories(session, empty, table)),
  ]);
  // Without trouble and history, a table was dropped meanwhile, and maybe its schema too.
  const moved = withTable.filter((schema) => !histories.has(schema) && !troubles.has(schema));
  const now = await findSchemas(session, moved, table);
  const isMoved = new Set(moved);
  const presentOf = (schema: string) => (isMoved.has(schema) ? now : found).get(schema);

  const unrecorded = wanted.filter(
    ({ schema }) =>
      presentOf(schema) !== undefined && !troubles.has(schema) && !histories.get(schema)?.rows.length,
  );
  const unmanaged = await schemasWithTables(
    session,
    unrecorded.map(({ schema }) => schema),
    table,
  );
  const plans = new Map<PlanBasis, Map<readonly RecordedRow[], SchemaPlan>>();
  const planOf = (basis: PlanBasis, rows: readonly RecordedRow[]) => {
    const ofBasis = plans.get(basis) ?? new Map<readonly RecordedRow[], SchemaPlan>();
    plans.set(basis, ofBasis);
    const plan = ofBasis.get(rows) ?? planSchema(basis.files, rows, basis.options);
    ofBasis.set(rows, plan);
    return plan;
  };
  const targets = wanted.map(({ schema, basis }): Target => {
    const { rows, digest } = histories.get(schema) ?? none;
    const present = presentOf(schema);
    const trouble = troubles.get(schema) ?? null;
    if (trouble !== null) return troubled(schema, basis, trouble, present?.oid);
    return {
      schema,
      scope: basis.scope,
      exists: present !== undefined,
      oid: present?.oid ?? null,
      hasHistory: histories.has(schema),
      mayDiscardRows: present?.mayDiscardRows ?? false,
      isCurrent: present?.isCurrent ?? true,
      isUnmanaged: unmanaged.has(schema),
      rows,
      digest,
      plan: planOf(basis, rows),
      held: false,
      trouble: null,
    };
  });
  if (!targets.some(isRunning)) return targets;
  const held = await heldSchemas(session);
  return targets.map((target) => ({ ...target, held: isRunning(target) && held.has(target.schema) }));
}

/** A schema of which nothing is known but its trouble; `oid` where it exists. */
export function troubled(schema: string, basis: PlanBasis, trouble: SqlmigError, oid?: string): Target {
  return {
    schema,
    scope: basis.scope,
    exists: oid !== undefined,
    oid: oid ?? null,
    hasHistory: false,
    mayDiscardRows: false,
    isCurrent: true,
    isUnmanaged: false,
    rows: [],
    digest: null,
    plan: planSchema([], [], basis.options),
    held: false,
    trouble,
  };
}

const none = { rows: [], digest: null };

/** Every history; where there are many, equal ones share their rows. */
async function readAll(
  schemas: readonly string[],
  { digests, ...reader }: From,
  table: string,
): Promise<Histories<History>> {
  if (schemas.length <= fewHistories) return readHistories(reader, schemas, table);
  const scan = await readHistoryDigests(
    reader,
    schemas.filter((schema) => !digests.has(schema)),
    table,
  );
  const known = new Map([...digests, ...scan.read]);
  const result = new Map<string, History>();
  const refused = new Map(scan.refused);
  let open = schemas.filter((schema) => known.has(schema));
  while (open.length > 0) {
    const digestOf = (schema: string) => known.get(schema)?.digest ?? '';
    const first = new Map<string, string>();
    for (const schema of open) if (!first.has(digestOf(schema))) first.set(digestOf(schema), schema);
    const representatives = new Set(first.values());
    const histories = await readHistories(reader, [...representatives], table);
    for (const [schema, error] of histories.refused) refused.set(schema, error);
    for (const [schema, history] of histories.read) result.set(schema, history);
    // A history that changed since the scan stands for itself alone, and another speaks for its group.
    const byDigest = new Map([...histories.read.values()].map((history) => [history.digest, history]));
    for (const schema of open) {
      const history = byDigest.get(digestOf(schema));
      if (history !== undefined && !result.has(schema) && !refused.has(schema)) result.set(schema, history);
    }
    open = open.filter((schema) => !result.has(schema) && !representatives.has(schema));
  }
  return { read: result, refused };
}

/** Looks at one schema by its own rows, so that they tell which run applied them. */
export async function rereadTarget(
  session: Session,
  schema: string,
  basis: PlanBasis,
  config: Config,
  wait?: Reader['wait'],
): Promise<Target> {
  const from = { session, spare: async () => null, digests: new Map(), ...(wait && { wait }) };
  const now = await readTargetWithLock(from, schema, basis, config);
  // It may have been begun between the two looks; a row that says running before its lock was free, and after, was left.
  return now.held || !isRunning(now) ? now : readTargetWithLock(from, schema, basis, config);
}

async function readTargetWithLock(
  from: From,
  schema: string,
  basis: PlanBasis,
  config: Config,
): Promise<Target> {
  const held = (await heldSchemas(from.session)).has(schema);
  return { ...(await readTarget(from, schema, basis, config)), held };
}

async function readTarget(from: From, schema: string, basis: PlanBasis, config: Config): Promise<Target> {
  const [target] = await readTargets([{ schema, basis }], from, config.historyTable);
  if (target === undefined) throw new RangeError('one schema gives one target');
  return target;
}

function isRunning({ rows }: Pick<Target, 'rows'>): boolean {
  return rows.some((row) => row.state === 'incomplete');
}

/** The schemas whose key somebody holds. */
async function heldSchemas(session: Session): Promise<Set<string>> {
  const holders = await readHolders(session);
  return new Set(holders.filter((holder) => holder.granted).map((holder) => holder.key));
}
