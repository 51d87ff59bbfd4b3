import { sqlstates } from '../errors.ts';
import type { Scope } from '../results.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import type { Row, Session } from '../server/session.ts';
import {
  digestFor,
  digestSql,
  historyTable,
  type RecordedRow,
  rowColumns,
  rowDigest,
  toRow,
} from './history.ts';
import { type LockWait, readLocked, type Wanted } from './locked.ts';

/** Where is read. */
export interface Reader {
  readonly session: Session;
  /** A second session for much to read; `null` where none is to be had. */
  readonly spare: () => Promise<Session | null>;
  /** How long it waits for a history that somebody has locked; 30 seconds by default. */
  readonly wait?: LockWait;
}

/** What a history holds in short. Two of one scan with equal digests hold the same; the number means nothing else. */
export interface HistoryDigest {
  readonly digest: string;
  /** The scope that the rows were written with; `null` without rows. */
  readonly scope: Scope | null;
}

// Each table costs a statement three of the lock table's places (itself and two indexes); 6,400 are there by default.
const batchSize = 50;

/** What came of reading many histories. */
export interface Histories<T> {
  readonly read: ReadonlyMap<string, T>;
  /** What the server said of those that cannot be read; the reason may be that the table is gone. */
  readonly refused: ReadonlyMap<string, ServerError>;
}

/** Reads many histories in short, in few round trips and over two sessions where there is much to read. */
export async function readHistoryDigests(
  reader: Reader,
  schemas: readonly string[],
  table: string,
): Promise<Histories<HistoryDigest>> {
  const select = (schema: string, i: number) =>
    `select ${i} as i, min(scope) as scope, ${digestSql} as digest from ${historyTable(schema, table)}`;
  const digests = new Map<string, HistoryDigest>();
  const refused = await inBatches(reader, schemas, table, select, (schema, row) => {
    digests.set(schema, { digest: String(row.digest), scope: row.scope as Scope | null });
  });
  return { read: digests, refused };
}

/** A history as it was read. */
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
  // One row more a table tells those without rows from those without a table.
  const select = (
    schema: string,
    i: number,
  ) => `select ${i} as i, null::text as version, null::text as name, null as checksum,
    null as state, null as run_id, null::int as duration_ms, null::bool as in_doubt, null::text as digest
  union all select ${i}, ${rowColumns}, ${rowDigest}::text from ${historyTable(schema, table)}`;
  const found = new Map<string, { rows: RecordedRow[]; sum: bigint }>();
  const refused = await inBatches(reader, schemas, table, select, (schema, row) => {
    const history = found.get(schema) ?? { rows: [], sum: 0n };
    found.set(schema, history);
    if (row.name === null) return;
    history.rows.push(toRow(row));
    history.sum += BigInt(String(row.digest));
  });
  const read = new Map(
    [...found].map(([schema, { rows, sum }]) => [schema, { rows, digest: digestFor(rows.length, sum) }]),
  );
  return { read, refused };
}

type OnRow = (schema: string, row: Readonly<Record<string, unknown>>) => void;

async function inBatches(
  reader: Reader,
  schemas: readonly string[],
  table: string,
  select: (schema: string, i: number) => string,
  onRow: OnRow,
): Promise<Map<string, ServerError>> {
  const batches: (readonly string[])[] = [];
  for (let from = 0; from < schemas.length; from += batchSize)
    batches.push(schemas.slice(from, from + batchSize));
  const refused = new Map<string, ServerError>();
  const read = (on: Session, batch: readonly string[]) =>
    readLocked({ ...reader, session: on }, historiesOf(batch, table), (limit) =>
      // With row security on, a policy would hide rows without a word; off, it is an error (42501).
      on.read(`${limit}SET LOCAL row_security = off;\n${batch.map(select).join('\nunion all\n')}`),
    );
  const work = async (on: Session) => {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift())
      await readBatch((part) => read(on, part), batch, onRow, refused);
  };
  const second = batches.length > 1 ? await reader.spare() : null;
  await Promise.all([work(reader.session), ...(second === null ? [] : [work(second)])]);
  return refused;
}

function historiesOf(schemas: readonly string[], table: string): Wanted {
  const tables = schemas.map((schema) => historyTable(schema, table));
  return { what: 'what is applied', schema: schemas[0] ?? '', tables };
}

async function readBatch(
  read: (batch: readonly string[]) => Promise<Row[]>,
  batch: readonly string[],
  onRow: OnRow,
  refused: Map<string, ServerError>,
): Promise<void> {
  try {
    for (const row of await read(batch)) onRow(String(batch[Number(row.i)]), row);
  } catch (error) {
    if (
      !isServerError(error) ||
      !(isOfOneTable(error.code) || error.code === sqlstates.insufficientResources)
    )
      throw error;
    const [first] = batch;
    if (batch.length === 1 && first !== undefined) {
      if (!isOfOneTable(error.code)) throw error;
      refused.set(first, error);
      return;
    }
    const half = Math.ceil(batch.length / 2);
    await readBatch(read, batch.slice(0, half), onRow, refused);
    await readBatch(read, batch.slice(half), onRow, refused);
  }
}

// A table that is gone, may not be read, lacks our columns or is damaged on disk: the others of its batch are read
// without it.
function isOfOneTable(code: string): boolean {
  return ['22', '3F', '42', '58', '0A', 'HV', 'P0', 'XX'].includes(code.slice(0, 2));
}
