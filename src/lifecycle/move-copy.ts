import { errorFrom, unitStates } from '../errors.ts';
import { type Attempt, attemptOf } from '../execute/attempt.ts';
import { asSqlmigError } from '../execute/failure.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { historyTable, selectDigest } from '../history/history.ts';
import { readMoveMark } from '../history/move-mark.ts';
import { readOwnTable } from '../history/own-table.ts';
import { historyKey } from '../project/order.ts';
import type { Check } from '../protocol/refusal.ts';
import { isChanged, schemaReplaced } from '../protocol/unit-checks.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import { takeLocks } from '../protocol/unit-locks.ts';
import { begin, commit, setFilePath } from '../protocol/unit-settings.ts';
import { errorOfRepair, repairSchemas } from '../repair/repair.ts';
import { unitContext } from '../run/context.ts';
import type { Session } from '../server/session.ts';
import { tableName } from '../split/owner.ts';
import { readShape, type SchemaShape } from '../split/tables.ts';
import { quoteLiteral } from '../sql/quote.ts';
import type { Target } from '../state/target.ts';
import { tenantMoved } from '../state/trouble.ts';
import { closeTenant } from './move-fence.ts';
import { printedDifferently, requireMovable } from './move-obstacles.ts';
import { forgetOtherMoves, recordCopy } from './move-record.ts';
import { onSide, SideFailed, transferRows } from './move-rows.ts';
import {
  changedMeanwhile,
  mayReorder,
  readStructures,
  requireNoOtherHistory,
  requireSameStructure,
} from './reproducible.ts';
import type { ScopeCopies } from './scope-copies.ts';
import { ownTables } from './table-pairs.ts';
import { findTenant } from './tenant.ts';

/** A tenant to move, and its new database. */
export interface MoveJob {
  readonly source: MigrationRun;
  /** The tenant with its history of the files of all tenants, as read when its files were chosen. */
  readonly from: Target;
  /** The scopes from which the copy is built. The transaction starts with the first. */
  readonly copies: ScopeCopies;
  readonly id: string;
  /** The other database, in words. */
  readonly to: string;
  /** The approximate number of its rows. */
  readonly rows: number;
}

/** What a copy reports besides its errors. */
export interface CopyReport {
  /** True once the source may be marked as moved. */
  mayBeClosed: boolean;
}

/**
 * Completes a copy in the transaction that has built its schema in the other database: locks the tenant against writers,
 * copies and compares its rows, and makes the tenant read-only. The caller commits the copy last, so the two databases never
 * accept writes at the same time, and the copy never lacks a write.
 * @throws SqlmigError, and what the session of the other database throws.
 */
export async function completeMove(to: Session, moving: MoveJob, report: CopyReport): Promise<void> {
  const { source, from } = moving;
  const context = unitContext(source.run, { ...source.settings, sync: true });
  const end: { done: boolean; error: unknown } = { done: false, error: null };
  const { target } = await findTenant(source, from.schema);
  const outcomes = await repairSchemas(source, [target], {
    hasWork: () => !end.done,
    openSession: () => source.run.openSession(),
    schemaRefusal: () => null,
    async attempt(session, now): Promise<Attempt> {
      const schema = unitSchema(now, null);
      let locked = false;
      try {
        requireSameHistory(from, now);
        const old = await lockSource(session, schema, context);
        locked = true;
        await copyAndClose({ from: session, to, schema, old, context }, moving, report);
        end.done = true;
        return { kind: 'done', applied: [] };
      } catch (error) {
        await rollBack(session);
        if (!locked) return attemptOf(error, { schema, context });
        // The other transaction may already have rows, so it has to end as well.
        const isTargets = error instanceof SideFailed && error.side === 'to';
        const cause = error instanceof SideFailed ? error.cause : error;
        end.error = isTargets ? cause : asSqlmigError(cause, schema.schema);
        return { kind: 'failed', error: asSqlmigError(cause, schema.schema) };
      }
    },
  });
  if (end.done) return;
  if (end.error !== null) throw end.error;
  throw errorFrom(errorOfRepair(outcomes));
}

/** Requires the history that was read first: the copy is built from its files. */
function requireSameHistory(before: Target, { schema, exists, hasHistory, rows }: Target): void {
  const keys = (target: Pick<Target, 'rows'>) =>
    target.rows.map((row) => `${historyKey(row)} ${row.checksum}`).sort();
  const isSame = hasHistory === before.hasHistory && keys(before).join('\n') === keys({ rows }).join('\n');
  if (!exists || !isSame) throw changedMeanwhile(schema);
}

/** As `requireSameHistory`, for the histories of kinds, in a transaction that has the key of the tenant. */
async function requireSameKinds(session: Session, kinds: ReturnType<typeof kindsIn>): Promise<void> {
  for (const { table, from } of kinds) {
    const own = historyTable(from.schema, table);
    const [row] = await readOwnTable(session, own, `select (${selectDigest(own)}) as digest`);
    if (row?.digest !== from.digest) throw changedMeanwhile(from.schema);
  }
}

/** The histories of kinds among those of a tenant. */
function kindsIn({ copies }: Pick<MoveJob, 'copies'>, { table: base }: UnitContext) {
  return copies.flatMap(({ from, migrator: { context } }) =>
    context.table === base ? [] : [{ table: context.table, from }],
  );
}

/** Takes the key of the tenant and locks its tables: others can read them, and writers wait. */
export async function lockSource(
  session: Session,
  schema: UnitSchema,
  context: UnitContext,
): Promise<SchemaShape> {
  const checks = schema.digest === null ? withoutHistory(schema, context) : isChanged(schema, context);
  await session.run(`${begin(context)}${takeLocks(schema, context, { activity: 'move', checks })}`);
  const shape = await readShape(session, schema.schema);
  const tables = ownTables(shape, context.historyTables);
  if (tables.length > 0)
    await session.run(`LOCK TABLE ${tables.map(tableName).join(', ')} IN SHARE ROW EXCLUSIVE MODE`);
  return shape;
}

/** Checks that a tenant of kinds only still has no other history. */
function withoutHistory(schema: UnitSchema, { table }: UnitContext): Check[] {
  const own = quoteLiteral(historyTable(schema.schema, table));
  return [schemaReplaced(schema), [`to_regclass(${own}) is not null`, unitStates.historyChanged]];
}

/** Ends the transaction of a session, if there is one. */
export async function rollBack(session: Session): Promise<void> {
  if (session.lost) return;
  // If this fails, the connection is lost, and the transaction with it.
  const ended = session.run(
    'ROLLBACK',
    () => {},
    () => {},
  );
  await ended.catch(() => {});
}

interface CopyJob {
  readonly from: Session;
  readonly to: Session;
  readonly schema: UnitSchema;
  readonly old: SchemaShape;
  readonly context: UnitContext;
}

async function copyAndClose(
  { from, to, schema, old, context }: CopyJob,
  moving: MoveJob,
  report: CopyReport,
): Promise<void> {
  const { schema: name } = schema;
  const { id, to: where, rows } = moving;
  const [{ migrator: target }] = moving.copies;
  const mark = await readMoveMark(from, name, context.table);
  if (mark !== null && mark.id !== id) throw tenantMoved(name, mark);
  const kinds = kindsIn(moving, context);
  const { historyTables: histories } = context;
  await requireSameKinds(from, kinds);
  const read = [context.table, ...kinds.map(({ table }) => table)];
  await requireNoOtherHistory(from, name, { read, all: histories });
  await requireMovable(from, ownTables(old, histories));
  const reordered = await mayReorder(from, name, moving.copies);
  const [own = []] = await readStructures(from, [name], context);
  const [built = []] = await onSide('to', readStructures(to, [name], context));
  try {
    requireSameStructure(name, { own, built, reordered });
  } catch (error) {
    throw printedDifferently(error, from.server.version, to.server.version);
  }
  const made = await onSide('to', readShape(to, name));
  const { emit } = target.settings;
  emit({ type: 'copy-started', tenants: 1, rows });
  const path = setFilePath(schema, target.context);
  const tables = await transferRows({
    schema: name,
    histories,
    from,
    to,
    old,
    made,
    setFilePath: path,
    emit,
  });
  const ofKinds = kinds.map(({ table, from: { isCurrent } }) => ({ table, isCurrent }));
  const closing = { mark: { id, to: where, madeHistory: schema.digest === null }, ofKinds };
  if (mark === null)
    await from.run(
      closeTenant(schema, closing, context),
      () => {},
      () => {},
    );
  if (mark === null) await onSide('to', forgetOtherMoves(to, id, target.context.publicSchema));
  await onSide('to', recordCopy(to, { id, schema: name, tables }, target.context));
  report.mayBeClosed = true;
  await from.run(commit);
}
