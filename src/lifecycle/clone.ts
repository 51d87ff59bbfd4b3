import { SqlmigError, unitStates } from '../errors.ts';
import { unitSchema } from '../fleet/gate.ts';
import { historyTable } from '../history/history.ts';
import { keyColumn } from '../protocol/durations.ts';
import { refuseIf, unitRefusalOf } from '../protocol/refusal.ts';
import { isChanged } from '../protocol/unit-checks.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import { trySchemaKey } from '../protocol/unit-locks.ts';
import { setFilePath, setOwnPath } from '../protocol/unit-settings.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { comparedColumns, comparing, ownChecksum, sharedChecksum } from '../split/columns.ts';
import { fillTables, insertRows } from '../split/copy.ts';
import { tableName } from '../split/owner.ts';
import { readShape, type SchemaShape } from '../split/tables.ts';
import { schemaOid } from '../sql/catalog-sql.ts';
import { quoteLiteral } from '../sql/quote.ts';
import type { Target } from '../state/target.ts';
import {
  changedMeanwhile,
  mayReorder,
  notReproducible,
  readStructures,
  requireNoOtherHistory,
  requireSameStructure,
} from './reproducible.ts';
import { ownRows, ownTables, type RowPair, rowPairs } from './table-pairs.ts';

/** The rows of one table that were copied. */
export interface ClonedTable {
  readonly table: string;
  readonly rows: number;
}

/** The tenant as one of its histories records it. */
export interface ClonedHistory {
  readonly from: Target;
  readonly context: UnitContext;
}

/** The tenant to clone, and the new schema. */
export interface CloneJob {
  /** The histories of the tenant. The transaction started with the first. */
  readonly histories: readonly [ClonedHistory, ...ClonedHistory[]];
  readonly to: string;
  /** Copy the rows as well. */
  readonly data: boolean;
}

/**
 * Completes a clone in the transaction that has built its schema: takes the key of the tenant, requires the same
 * histories and structure, and copies the rows. The tenant's tables are locked in SHARE mode, which lets others read and
 * not write.
 * @throws SqlmigError `not-reproducible`, ServerError.
 */
export async function completeClone(
  session: Session,
  { histories, to, data }: CloneJob,
): Promise<ClonedTable[]> {
  const [{ from, context }, ...ofKinds] = histories;
  const names = [context.table, ...ofKinds.map((kind) => kind.context.table)];
  await lockTenant(session, histories);
  for (const table of names) await requireSameHistory(session, { from: from.schema, to, table });
  const old = await readShape(session, from.schema);
  await requireNoOtherHistory(session, from.schema, { read: names, all: context.historyTables });
  const tables = ownTables(old, context.historyTables);
  if (data && tables.length > 0)
    await session.run(`LOCK TABLE ${tables.map(tableName).join(', ')} IN SHARE MODE`);
  const [own = [], built = []] = await readStructures(session, [from.schema, to], context);
  const reordered = await mayReorder(session, from.schema, histories);
  requireSameStructure(from.schema, { own, built, reordered });
  return data ? copyRows(session, { old: { ...old, tables }, from, to }, context) : [];
}

/** Takes the key of the tenant, and requires its histories to be unchanged: the new schema is built from them. */
async function lockTenant(session: Session, histories: CloneJob['histories']): Promise<void> {
  const [{ from }] = histories;
  const unit = (target: Target) => ({ ...unitSchema(target, null), requires: null });
  const stale = histories.flatMap(({ from, context }) => isChanged(unit(from), context));
  try {
    await session.run(`${setOwnPath}${refuseIf([...trySchemaKey(unit(from)), ...stale])}`);
  } catch (error) {
    const state = isServerError(error) ? unitRefusalOf(error)?.state : undefined;
    if (state !== unitStates.historyChanged && state !== unitStates.schemaMissing) throw error;
    throw changedMeanwhile(from.schema);
  }
}

/** @throws SqlmigError `not-reproducible` if a history of the clone differs from that of the tenant. */
async function requireSameHistory(
  session: Session,
  { from, to, table }: { readonly from: string; readonly to: string; readonly table: string },
): Promise<void> {
  const rowsOf = (schema: string) =>
    `select ${keyColumn}, checksum, state from ${historyTable(schema, table)}`;
  const [row] = await session.read(
    `select exists (${rowsOf(from)} except ${rowsOf(to)}) or exists (${rowsOf(to)} except ${rowsOf(from)}) as differs`,
  );
  if (row?.differs === true) throw notReproducible(from, `its history ${table} is not what they leave`);
}

async function copyRows(
  session: Session,
  { old, from, to }: { readonly old: SchemaShape; readonly from: Target; readonly to: string },
  context: UnitContext,
): Promise<ClonedTable[]> {
  const made = await readShape(session, to);
  const pairs = rowPairs(old.tables, made);
  if (pairs.length === 0) return [];
  const ruled = pairs.find((pair) => pair.made.insertRules.length > 0);
  if (ruled !== undefined)
    throw notReproducible(
      from.schema,
      `table ${ruled.made.name} has a rule for INSERT, so rows cannot be copied`,
    );
  const own = pairs.map((pair) => pair.made);
  // Files may have inserted rows.
  const truncate = `TRUNCATE ${own.map(tableName).join(', ')};\n`;
  const inserts = pairs.map((pair) => insertRows(pair, 's', `${ownRows(pair.from)} s`)).join('');
  const schema = { ...unitSchema(from, null), schema: to, oid: null };
  const fill = fillTables(
    own,
    { inserts: truncate + inserts, triggers: false },
    setFilePath(schema, context),
  );
  await session.run(
    `${setOwnPath}${comparing}${fill}${made.sequences.map(({ name }) => setSequence(from.schema, to, name)).join('')}`,
  );
  await refreshViews(session, from.schema, to);
  return compareRows(session, pairs);
}

function setSequence(from: string, to: string, name: string): string {
  const own = quoteLiteral(tableName({ schema: to, name }));
  return `select setval(${own}::regclass, last_value, is_called) from ${tableName({ schema: from, name })};\n`;
}

/** Refreshes the materialized views in the order of their creation, so that each follows the views that it reads. */
async function refreshViews(session: Session, from: string, to: string): Promise<void> {
  const views =
    await session.read(`select c.relname as name from pg_class c join pg_class s on s.relname = c.relname and s.relkind = 'm' and s.relnamespace = ${schemaOid(from)}
where c.relnamespace = ${schemaOid(to)} and c.relkind = 'm' and s.relispopulated order by c.oid`);
  for (const { name } of views)
    await session.run(`REFRESH MATERIALIZED VIEW ${tableName({ schema: to, name: String(name) })}`);
}

/** Counts and compares the rows of each table. */
async function compareRows(session: Session, pairs: readonly RowPair[]): Promise<ClonedTable[]> {
  const cloned: ClonedTable[] = [];
  for (const { from, made, match } of pairs) {
    const columns = comparedColumns(match);
    const [row] =
      await session.read(`select s.rows::text as rows, s.rows = o.rows and s.checksum = o.checksum as same
from (select ${sharedChecksum(columns, 's')} from ${ownRows(from)} s) s, (select ${ownChecksum(columns, 'o')} from ${ownRows(made)} o) o`);
    if (row?.same !== true)
      throw new SqlmigError('server-refused', `after copying, the rows of ${made.name} differ`, {
        schema: from.schema,
        state: 'rolled back',
        hint: 'look for column types whose text depends on the schema',
      });
    cloned.push({ table: made.name, rows: Number(row.rows) });
  }
  return cloned;
}
