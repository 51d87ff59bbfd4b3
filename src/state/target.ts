import { planSchema, type SchemaPlan } from '../decide/plan.ts';
import type { SqlmigError } from '../errors.ts';
import { isHalfDropped } from '../history/drop-mark.ts';
import type { RecordedRow } from '../history/history.ts';
import { isMoveMark, moveMarkIn } from '../history/move-mark.ts';
import { contentsOf, findSchemas, type Presence } from '../history/presence.ts';
import type { History, Reader } from '../history/read-histories.ts';
import { readHolders } from '../protocol/holders.ts';
import type { Scope } from '../results.ts';
import type { Session } from '../server/session.ts';
import { readDistinctHistories, type TargetReader } from './distinct-histories.ts';
import type { PlanBasis, TargetRequest } from './plan-source.ts';
import { findMovedHistories, findTroubles, halfDropped, tenantMoved } from './trouble.ts';
import { readUndoPlans } from './undo-plans.ts';

/** A schema as it was read, and its plan. */
export interface Target {
  readonly schema: string;
  readonly scope: Scope;
  readonly exists: boolean;
  /** OID of the schema; `null` if it does not exist. */
  readonly oid: string | null;
  readonly hasHistory: boolean;
  /** Triggers, rules or row security on the history may discard a row (see `Presence`). */
  readonly mayDiscardRows: boolean;
  /** The history has the current form (see `Presence`). */
  readonly isCurrent: boolean;
  /** The schema has tables and no recorded migration: the application created them before it used sqlmig. */
  readonly isUnmanaged: boolean;
  /** The schema is as CREATE SCHEMA leaves it, apart from a history without rows (see `isAsCreated`). */
  readonly isEmpty: boolean;
  readonly rows: readonly RecordedRow[];
  /** The digest of the history as the server computed it; `null` without a history. */
  readonly digest: string | null;
  readonly plan: SchemaPlan;
  /** Another session holds the schema's lock. `readTargets` checks only schemas with an incomplete migration. */
  readonly held: boolean;
  /** Why the schema could not be read, or `null`. With it, the plan is empty. */
  readonly trouble: SqlmigError | null;
}

/** What the catalog and the histories say about the requested schemas. */
interface SchemaFacts {
  readonly present: ReadonlyMap<string, Presence>;
  readonly histories: ReadonlyMap<string, History>;
  readonly troubles: ReadonlyMap<string, SqlmigError>;
  readonly unmanaged: ReadonlySet<string>;
  readonly empty: ReadonlySet<string>;
}

type HistoryFacts = Omit<SchemaFacts, 'unmanaged' | 'empty'>;

/**
 * Reads schemas without a lock and plans each. One query reads the catalog; histories are read as
 * `readDistinctHistories` describes. Schemas with equal histories share rows and plan. A history that cannot be read is
 * the trouble of its schema alone. For `down`, the plan says what to undo.
 */
export async function readTargets(
  requests: readonly TargetRequest[],
  reader: TargetReader,
  table: string,
): Promise<Target[]> {
  const targets = (await readForUp(requests, reader, table)).map(withoutUpSteps(requests));
  const subjects = targets.flatMap((target, i) => {
    const undo = requests[i]?.basis.undo;
    return undo === undefined || !target.hasHistory ? [] : [{ ...target, undo }];
  });
  if (subjects.length === 0) return targets;
  const { read: plans, refused } = await readUndoPlans(reader, subjects, table);
  const troubles = await findTroubles(reader.session, refused, table);
  return targets.map((target, i) => {
    const trouble = target.trouble ?? troubles.get(target.schema);
    const request = requests[i];
    if (request !== undefined && trouble !== undefined)
      return troubled(request, trouble, target.oid ?? undefined);
    return { ...target, plan: plans.get(target.schema) ?? target.plan };
  });
}

/** In a run of `down`, removes the steps of `up` from the plan of a target. */
function withoutUpSteps(requests: readonly TargetRequest[]): (target: Target, i: number) => Target {
  const nothing = { steps: [], pending: 0, refusal: null, undo: { lacking: [] } };
  return (target, i) =>
    requests[i]?.basis.undo === undefined ? target : { ...target, plan: { ...target.plan, ...nothing } };
}

async function readForUp(
  requests: readonly TargetRequest[],
  reader: TargetReader,
  table: string,
): Promise<Target[]> {
  if (requests.length === 0) return [];
  const facts = await readFacts(requests, reader, table);
  const plan = createPlanner();
  const targets = requests.map(({ schema, basis }): Target => {
    const present = facts.present.get(schema);
    const { rows, digest } = facts.histories.get(schema) ?? noHistory;
    const trouble = facts.troubles.get(schema) ?? (isHalfDropped(rows) ? halfDropped(schema) : null);
    if (trouble !== null) return troubled({ schema, basis }, trouble, present?.oid);
    const move = moveMarkIn(rows);
    const migrations = move === null ? rows : rows.filter((row) => !isMoveMark(row));
    return {
      schema,
      scope: basis.scope,
      exists: present !== undefined,
      oid: present?.oid ?? null,
      hasHistory: facts.histories.has(schema),
      mayDiscardRows: present?.mayDiscardRows ?? false,
      isCurrent: present?.isCurrent ?? true,
      isUnmanaged: facts.unmanaged.has(schema),
      isEmpty: facts.empty.has(schema),
      rows: migrations,
      digest,
      plan: move === null ? plan(basis, migrations) : withoutSteps(plan(basis, migrations)),
      held: false,
      trouble: move === null ? null : tenantMoved(schema, move),
    };
  });
  if (!targets.some(isIncomplete)) return targets;
  const held = await heldSchemas(reader.session);
  return targets.map((target) => ({ ...target, held: isIncomplete(target) && held.has(target.schema) }));
}

function withoutSteps(plan: SchemaPlan): SchemaPlan {
  return { ...plan, steps: [], pending: 0, refusal: null };
}

const noHistory = { rows: [], digest: null };

async function readFacts(
  requests: readonly TargetRequest[],
  reader: TargetReader,
  table: string,
): Promise<SchemaFacts> {
  const first = await readHistoryFacts(requests, reader, table);
  const { inUse, empty } = await contentsOf(reader.session, unrecordedIn(requests, first), table);
  // Another run may have created the tables after their histories were read.
  const suspects = requests.filter(({ schema }) => inUse.has(schema));
  const again = await readHistoryFacts(suspects, reader, table);
  const latest = <T>(before: ReadonlyMap<string, T>, now: ReadonlyMap<string, T>) =>
    new Map([...before].filter(([schema]) => !inUse.has(schema)).concat([...now]));
  return {
    present: latest(first.present, again.present),
    histories: latest(first.histories, again.histories),
    troubles: latest(first.troubles, again.troubles),
    unmanaged: new Set(unrecordedIn(suspects, again)),
    empty,
  };
}

/** The schemas that exist, can be read, and have no recorded migration. */
function unrecordedIn(
  requests: readonly TargetRequest[],
  { present, histories, troubles }: HistoryFacts,
): string[] {
  const names = requests.map(({ schema }) => schema);
  return names.filter(
    (schema) => present.has(schema) && !troubles.has(schema) && !histories.get(schema)?.rows.length,
  );
}

async function readHistoryFacts(
  requests: readonly TargetRequest[],
  reader: TargetReader,
  table: string,
): Promise<HistoryFacts> {
  const { session } = reader;
  const names = requests.map(({ schema }) => schema);
  const before = await findSchemas(session, names, table);
  const withTable = names.filter((schema) => before.get(schema)?.hasTable === true);
  const { read: histories, refused } = await readDistinctHistories(reader, withTable, table);
  const withoutTable = requests.filter(({ schema }) => before.get(schema)?.hasTable === false);
  const troubles = new Map([
    ...(await findTroubles(session, refused, table)),
    ...(await findMovedHistories(session, withoutTable, table)),
  ]);
  // A table that was not read and has no trouble was dropped in the meantime, perhaps with its schema.
  const dropped = new Set(withTable.filter((schema) => !histories.has(schema) && !troubles.has(schema)));
  const now = await findSchemas(session, [...dropped], table);
  const present = new Map([...before].filter(([schema]) => !dropped.has(schema)).concat([...now]));
  return { present, histories, troubles };
}

/** Plans schemas. Schemas with the same basis and the same rows share a plan. */
function createPlanner(): (basis: PlanBasis, rows: readonly RecordedRow[]) => SchemaPlan {
  const plans = new Map<PlanBasis, Map<readonly RecordedRow[], SchemaPlan>>();
  return (basis, rows) => {
    const ofBasis = plans.get(basis) ?? new Map<readonly RecordedRow[], SchemaPlan>();
    plans.set(basis, ofBasis);
    const plan = ofBasis.get(rows) ?? planSchema(basis.files, rows, basis.options);
    ofBasis.set(rows, plan);
    return plan;
  };
}

/** A schema that could not be read; `oid` if it exists. */
export function troubled({ schema, basis }: TargetRequest, trouble: SqlmigError, oid?: string): Target {
  return {
    schema,
    scope: basis.scope,
    exists: oid !== undefined,
    oid: oid ?? null,
    hasHistory: false,
    mayDiscardRows: false,
    isCurrent: true,
    isUnmanaged: false,
    isEmpty: false,
    ...noHistory,
    plan: planSchema([], [], basis.options),
    held: false,
    trouble,
  };
}

/** Reads one schema, and whether its lock is held. Its rows name the run that applied them. */
export async function rereadTarget(reader: Reader, request: TargetRequest, table: string): Promise<Target> {
  const now = await readWithLock(reader, request, table);
  // A migration may have started between the two queries. If its row is still incomplete after its lock was free, no run
  // is working on it.
  return now.held || !isIncomplete(now) ? now : readWithLock(reader, request, table);
}

async function readWithLock(reader: Reader, request: TargetRequest, table: string): Promise<Target> {
  const held = (await heldSchemas(reader.session)).has(request.schema);
  const [target] = await readTargets([request], reader, table);
  if (target === undefined) throw new RangeError('one request gives one target');
  return { ...target, held };
}

function isIncomplete({ rows }: Pick<Target, 'rows'>): boolean {
  return rows.some((row) => row.state === 'incomplete');
}

async function heldSchemas(session: Session): Promise<Set<string>> {
  const holders = await readHolders(session);
  return new Set(holders.filter((holder) => holder.granted).map((holder) => holder.key));
}
