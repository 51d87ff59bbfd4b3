import { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { isMark } from '../history/mark.ts';
import { moveMarkName } from '../history/move-mark.ts';
import type { Session } from '../server/session.ts';
import { settleAll } from '../server/settle-all.ts';
import { streamRows } from '../server/stream-rows.ts';
import { comparing, ownChecksum } from '../split/columns.ts';
import { filling } from '../split/copy.ts';
import { tableName } from '../split/owner.ts';
import type { SchemaShape, TableShape } from '../split/tables.ts';
import { schemaOid } from '../sql/catalog-sql.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import type { MovedRows } from './move-record.ts';
import { ownRows, ownTables, type RowPair, rowPairs } from './table-pairs.ts';

/** Two transactions: one has locked the tables of a tenant, and one has built the same structure in another database. */
export interface RowTransfer {
  readonly schema: string;
  /** The names of the tenant's histories. */
  readonly histories: readonly string[];
  readonly from: Session;
  readonly to: Session;
  readonly old: SchemaShape;
  readonly made: SchemaShape;
  /** SQL: the search path of the tenant's files. */
  readonly setFilePath: string;
  readonly emit: OnEvent;
}

/** The error of one of the two sides; `cause` is the error of its session. */
export class SideFailed extends Error {
  readonly side: 'from' | 'to';

  constructor(side: 'from' | 'to', cause: unknown) {
    super(side, { cause });
    this.side = side;
  }
}

/**
 * Copies a tenant's rows, its histories, the values of its sequences and the contents of its materialized views, and
 * compares the rows of each table on both sides. Triggers are not fired.
 * @throws SqlmigError if rows differ, SideFailed.
 */
export async function transferRows(job: RowTransfer): Promise<Map<string, MovedRows>> {
  const { histories, from, to, old, made, emit } = job;
  const pairs = rowPairs(ownTables(old, histories), made);
  const tables = pairs.map(({ made }) => made);
  const { before, after } = filling(tables, false, job.setFilePath);
  // Files may have inserted rows.
  const truncate = tables.length === 0 ? '' : `TRUNCATE ${tables.map(tableName).join(', ')};\n`;
  await onSide('from', from.read(comparing));
  await onSide('to', to.read(`${comparing}${before}${truncate}`));
  for (const pair of pairs) {
    const rows = await transfer(pair, job);
    emit({ type: 'rows-copied', schema: job.schema, table: pair.made.name, rows });
  }
  await onSide('to', to.run(after));
  await transferHistories(job);
  const moved = new Map<string, MovedRows>();
  for (const pair of pairs) moved.set(pair.made.name, await compareRows(pair, job));
  await setSequences(job);
  await refreshViews(job);
  return moved;
}

/** Adds the side to an error. */
export async function onSide<T>(side: SideFailed['side'], work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new SideFailed(side, error);
  }
}

async function transfer(
  { from, made, match }: RowPair,
  { from: source, to }: RowTransfer,
  where = '',
): Promise<number> {
  const names = match.copied.map(({ name }) => quoteIdentifier(name)).join(', ');
  // A table without columns, or with only generated ones, can have rows.
  const into = names === '' ? '' : ` (${names})`;
  const end = await streamRows(
    { session: source, text: `COPY (SELECT ${names} FROM ${ownRows(from)}${where}) TO STDOUT` },
    { session: to, text: `COPY ${tableName(made)}${into} FROM STDIN` },
  );
  if (typeof end !== 'number') throw new SideFailed(end.side, end.error);
  return end;
}

/** Replaces the history rows of the new schema with the tenant's own rows and times. */
async function transferHistories(job: RowTransfer): Promise<void> {
  const { histories, to, old, made } = job;
  const ofHistories = ({ tables }: SchemaShape) => tables.filter(({ name }) => histories.includes(name));
  for (const pair of rowPairs(ofHistories(old), { ...made, tables: ofHistories(made) })) {
    await onSide('to', to.read(`delete from ${tableName(pair.made)}`));
    await transfer(pair, job, ` where not (${isMark({ name: moveMarkName })})`);
  }
}

/** The number of rows and their checksum, in a transaction with the settings of `comparing`. */
export async function rowsIn(
  session: Session,
  table: TableShape,
  columns: readonly string[],
): Promise<MovedRows> {
  const compared = columns.map((name) => ({ name, cast: null }));
  const [row] = await session.read(`select ${ownChecksum(compared, 't')} from ${ownRows(table)} t`);
  return { rows: Number(row?.rows), checksum: String(row?.checksum), columns };
}

async function compareRows({ from, made, match }: RowPair, job: RowTransfer): Promise<MovedRows> {
  const columns = match.copied.map(({ name }) => name);
  const [source, copy] = await settleAll([
    onSide('from', rowsIn(job.from, from, columns)),
    onSide('to', rowsIn(job.to, made, columns)),
  ]);
  if (source.rows === copy.rows && source.checksum === copy.checksum) return copy;
  throw new SqlmigError(
    'server-refused',
    `the copy of ${made.name} does not match: ${copy.rows} of ${source.rows} rows, or different values`,
    {
      schema: job.schema,
      state: 'nothing was moved',
      hint: 'look for column types whose text depends on the server, such as OIDs',
    },
  );
}

async function setSequences({ schema, from, to, made: { sequences } }: RowTransfer): Promise<void> {
  if (sequences.length === 0) return;
  const own = ({ name }: { readonly name: string }) => tableName({ schema, name });
  const values = sequences.map(
    (sequence) =>
      `select ${quoteLiteral(own(sequence))} as name, last_value::text as value, is_called from ${own(sequence)}`,
  );
  const rows = await onSide('from', from.read(values.join(' union all ')));
  const calls = rows.map(
    ({ name, value, is_called: isCalled }) =>
      `setval(${quoteLiteral(String(name))}::regclass, ${value}, ${isCalled})`,
  );
  await onSide('to', to.read(`select ${calls.join(';\nselect ')}`));
}

/** Refreshes the materialized views in the order of their creation, so that each follows the views that it reads. */
async function refreshViews({ schema, from, to }: RowTransfer): Promise<void> {
  const views = (more: string) =>
    `select c.relname as name from pg_class c where c.relnamespace = ${schemaOid(schema)} and c.relkind = 'm' ${more} order by c.oid`;
  const filled = await onSide('from', from.read(views('and c.relispopulated')));
  const names = new Set(filled.map(({ name }) => String(name)));
  for (const { name } of await onSide('to', to.read(views('')))) {
    if (!names.has(String(name))) continue;
    await onSide('to', to.run(`REFRESH MATERIALIZED VIEW ${tableName({ schema, name: String(name) })}`));
  }
}
