import { sqlstates } from '../errors.ts';
import type { Scope } from '../results.ts';
import type { Row } from '../server/answer.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { settleAll } from '../server/settle-all.ts';
import {
  digestFor,
  digestSql,
  historyTable,
  type RecordedRow,
  rowColumns,
  rowDigest,
  toRow,
} from './history.ts';
import { type LockWait, type ReadSubject, readLocked } from './locked.ts';
import { isMark } from './mark.ts';
import { moveMarkName } from './move-mark.ts';

/** The sessions to read with. */
export interface Reader {
  readonly session: Session;
  /** Opens further sessions for this number of queries, as many as are available. */
  readonly spares: (queries: number) => Promise<readonly Session[]>;
  /** Is given the schemas whose histories a session has read: its backend has what it needs to write them. */
  readonly onRead?: (session: Session, schemas: readonly string[]) => void;
  /** How long to wait for a history that another session has locked; 30 seconds by default. */
  readonly wait?: LockWait;
  /** Aborting it ends the wait for the application's code. */
  readonly signal?: AbortSignal;
}

/** A history in short. Within one run, histories with equal digests are equal; the digest means nothing else. */
export interface HistoryDigest {
  readonly digest: string;
  /** The scope recorded in the rows; `null` if there are no rows, or only the mark of a move. */
  readonly scope: Scope | null;
}

// A statement takes three locks per history (the table and two indexes), and the lock table has 6,400 entries by default.
const batchSize = 50;

/** The result of reading many histories. */
export interface Histories<T> {
  readonly read: ReadonlyMap<string, T>;
  /** The errors of those that could not be read, perhaps because the table no longer exists. */
  readonly refused: ReadonlyMap<string, ServerError>;
}

/** Reads the digests of many histories, in few round trips. */
export async function readHistoryDigests(
  reader: Reader,
  schemas: readonly string[],
  table: string,
): Promise<Histories<HistoryDigest>> {
  const select = (schema: string, i: number) =>
    `select ${i} as i, min(scope) filter (where not (${isMark({ name: moveMarkName })})) as scope, ${digestSql} as digest from ${historyTable(schema, table)}`;
  const digests = new Map<string, HistoryDigest>();
  const refused = await readInBatches(reader, schemas, {
    table,
    select,
    onRow(schema, row) {
      digests.set(schema, { digest: String(row.digest), scope: row.scope as Scope | null });
    },
  });
  return { read: digests, refused };
}

/** A whole history. */
export interface History {
  readonly rows: readonly RecordedRow[];
  readonly digest: string;
}

/** Reads all rows of many histories. */
export async function readHistories(
  reader: Reader,
  schemas: readonly string[],
  table: string,
): Promise<Histories<History>> {
  // One extra row per table, which distinguishes an empty table from one that cannot be read.
  const select = (
    schema: string,
    i: number,
  ) => `select ${i} as i, null::text as version, null::text as name, null as checksum,
    null as state, null as run_id, null::int as duration_ms, null::bool as in_doubt, null::text as digest
  union all select ${i}, ${rowColumns}, ${rowDigest}::text from ${historyTable(schema, table)}`;
  const found = new Map<string, { rows: RecordedRow[]; sum: bigint }>();
  const refused = await readInBatches(reader, schemas, {
    table,
    select,
    onRow(schema, row) {
      const history = found.get(schema) ?? { rows: [], sum: 0n };
      found.set(schema, history);
      if (row.name === null) return;
      history.rows.push(toRow(row));
      history.sum += BigInt(String(row.digest));
    },
  });
  const read = new Map(
    [...found].map(([schema, { rows, sum }]) => [schema, { rows, digest: digestFor(rows.length, sum) }]),
  );
  return { read, refused };
}

/** What to read of each history. */
export interface HistoryQuery {
  readonly table: string;
  /** The query for one schema; `i` is its index in the batch, and a column of that name. */
  readonly select: (schema: string, i: number) => string;
  readonly onRow: (schema: string, row: Row) => void;
}

/** Reads histories in batches, over several sessions if there are many, and returns the errors of those it cannot read. */
export async function readInBatches(
  reader: Reader,
  schemas: readonly string[],
  query: HistoryQuery,
): Promise<Map<string, ServerError>> {
  const batches: (readonly string[])[] = [];
  for (let from = 0; from < schemas.length; from += batchSize)
    batches.push(schemas.slice(from, from + batchSize));
  const refused = new Map<string, ServerError>();
  const work = async (session: Session) => {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      for (const [schema, error] of await readBatch({ ...reader, session }, batch, query))
        refused.set(schema, error);
      reader.onRead?.(session, batch);
    }
  };
  // Opening a session takes as long as a query or two.
  const withSpares = async () => {
    if (batches.length > 0) await settleAll((await reader.spares(batches.length)).map(work));
  };
  await settleAll([work(reader.session), withSpares()]);
  return refused;
}

type Refused = readonly [schema: string, error: ServerError];

async function readBatch(
  reader: Reader,
  batch: readonly string[],
  query: HistoryQuery,
): Promise<readonly Refused[]> {
  try {
    const rows = await readLocked(reader, subjectOf(batch, query.table), (limit) =>
      // With row security on, a policy would hide rows silently; off, it raises an error (42501).
      reader.session.read(
        `${limit}SET LOCAL row_security = off;\n${batch.map(query.select).join('\nunion all\n')}`,
      ),
    );
    for (const row of rows) query.onRow(String(batch[Number(row.i)]), row);
    return [];
  } catch (error) {
    if (!isServerError(error)) throw error;
    const isOne = isOfOneTable(error.code);
    if (!isOne && error.code !== sqlstates.insufficientResources) throw error;
    const [first] = batch;
    if (batch.length === 1 && first !== undefined) {
      if (!isOne) throw error;
      return [[first, error]];
    }
    const half = Math.ceil(batch.length / 2);
    const refused = await readBatch(reader, batch.slice(0, half), query);
    return [...refused, ...(await readBatch(reader, batch.slice(half), query))];
  }
}

function subjectOf(schemas: readonly string[], table: string): ReadSubject {
  const tables = schemas.map((schema) => historyTable(schema, table));
  return { what: 'what is applied', schema: schemas[0] ?? '', tables };
}

// One table was dropped, may not be read, lacks our columns or is damaged: the rest of its batch is read without it.
function isOfOneTable(code: string): boolean {
  return ['22', '3F', '42', '58', '0A', 'HV', 'P0', 'XX'].includes(code.slice(0, 2));
}
