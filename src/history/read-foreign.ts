import { sqlstates } from '../errors.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { type FoundTable, longestLockWait, readOnly } from './foreign-tables.ts';
import { selectSessionsAtWork } from './import/at-work.ts';
import { type FoundHistory, foreignQueries } from './import/foreign-reading.ts';
import type { HistoryReader } from './import/history-reader.ts';
import type { ForeignRow, ForeignTable } from './import/table-form.ts';

/** A found table and what reads it. */
export interface ReadableTable {
  readonly found: FoundTable;
  readonly reader: HistoryReader;
}

const batchSize = 50;

/**
 * Reads histories and the tables next to them, in few round trips. A server error affects only its own history. If one
 * is locked, it is waited for, but further locked ones are given almost no more time.
 */
export async function readFoundTables(
  session: Session,
  tables: readonly ReadableTable[],
): Promise<Map<FoundTable, FoundHistory | ServerError>> {
  const reading: Reading = { session, read: new Map(), lockTimeout: longestLockWait };
  for (let from = 0; from < tables.length; from += batchSize)
    await readInto(reading, tables.slice(from, from + batchSize));
  return reading.read;
}

interface Reading {
  readonly session: Session;
  readonly read: Map<FoundTable, FoundHistory | ServerError>;
  lockTimeout: string;
}

async function readInto(reading: Reading, batch: readonly ReadableTable[]): Promise<void> {
  const { session, read } = reading;
  try {
    const histories = await readBatch(session, batch, reading.lockTimeout);
    for (const [i, { found }] of batch.entries()) read.set(found, histories[i] ?? emptyHistory(found));
  } catch (error) {
    const [only, ...others] = batch;
    if (!isServerError(error) || only === undefined) throw error;
    if (error.code === sqlstates.lockNotAvailable) reading.lockTimeout = '100ms';
    if (others.length === 0) read.set(only.found, error);
    else for (const table of batch) await readInto(reading, [table]);
  }
}

function emptyHistory({ columns }: FoundTable): MutableHistory {
  return { columns, rows: [], beside: {} };
}

interface MutableHistory extends FoundHistory {
  readonly rows: ForeignRow[];
  readonly beside: Record<string, ForeignRow[]>;
}

async function readBatch(
  session: Session,
  batch: readonly ReadableTable[],
  lockTimeout = longestLockWait,
): Promise<MutableHistory[]> {
  const queries = batch.flatMap(({ reader, found }, i) =>
    foreignQueries(reader, found).map(({ beside, sql }) => ({ i, beside, sql })),
  );
  const histories = batch.map(({ found }) => emptyHistory(found));
  const texts = queries.map(({ sql }, query) => sql([`${query} as query`]));
  for (const { query, ...row } of await readOnly(session, texts.join(';\n'), lockTimeout)) {
    const { i, beside } = queries[Number(query)] ?? { i: -1, beside: null };
    const history = histories[i];
    if (beside === null) history?.rows.push(row);
    else if (history !== undefined) history.beside[beside] = [...(history.beside[beside] ?? []), row];
  }
  return histories;
}

/** One history, and a digest of everything that was read of it. */
interface DigestedHistory {
  readonly digest: string;
  readonly history: FoundHistory;
}

/** Reads one history with its digest, which is the older of the two if another session writes at the same time. */
export async function readDigested(session: Session, table: ReadableTable): Promise<DigestedHistory> {
  const [row] = await readOnly(session, `select (${selectForeignDigest(table)}) as digest`);
  const [history = emptyHistory(table.found)] = await readBatch(session, [table]);
  return { digest: String(row?.digest), history };
}

/** SQL query: the digest of everything that is read of a history. */
export function selectForeignDigest({ reader, found }: ReadableTable): string {
  const texts = foreignQueries(reader, found).map(
    ({ sql }) => `(select string_agg(r::text, chr(10) order by r::text) from (${sql([])}) r)`,
  );
  return `select md5(concat_ws(chr(10) || '-' || chr(10), ${texts.join(', ')}))`;
}

/** A session that shows that a tool is running. */
export interface SessionAtWork {
  readonly pid: number;
  readonly application: string;
  /** What it holds or waits for, in words. */
  readonly lock: string;
}

/** The sessions that show that a tool is now using these histories. */
export async function readSessionsAtWork(
  session: Session,
  reader: HistoryReader,
  tables: readonly ForeignTable[],
): Promise<SessionAtWork[]> {
  const { database } = session.server;
  const places = tables.map(({ schema, table }) => ({ schema, table, database }));
  const rows = await readOnly(session, selectSessionsAtWork(reader, places));
  return rows.map(({ pid, application, lock }) => ({
    pid: Number(pid),
    application: application ?? '',
    lock: lock ?? '',
  }));
}
