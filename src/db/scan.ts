import { sqlstates } from '../errors.ts';
import type { Scope } from '../model.ts';
import {
  digestFor,
  digestSql,
  historyTable,
  type RecordedRow,
  rowColumns,
  rowDigest,
  toRow,
} from './history.ts';
import { isServerError } from './server-error.ts';
import type { Session } from './session.ts';

/** Where is read. */
export interface Reader {
  readonly session: Session;
  /** A second session for much to read; `null` where none is to be had. */
  readonly spare: () => Promise<Session | null>;
}

/** What a history holds in short. Two of one scan with equal digests hold the same; the number means nothing else. */
export interface HistoryScan {
  readonly digest: string;
  /** The scope that the rows were written with; `null` without rows. */
  readonly scope: Scope | null;
}

// Each table costs a statement three of the lock table's places (itself and two indexes); 6,400 are there by default.
const batchSize = 50;

/**
 * Reads many histories in short, in few round trips and over two sessions where there is much to read. Left out are
 * schemas without the table and those whose table has another shape.
 */
export async function scanHistories(
  reader: Reader,
  schemas: readonly string[],
  table: string,
): Promise<Map<string, HistoryScan>> {
  const select = (schema: string, i: number) =>
    `select ${i} as i, min(scope) as scope, ${digestSql} as digest from ${historyTable(schema, table)}`;
  const scans = new Map<string, HistoryScan>();
  await inBatches(reader, schemas, select, (schema, row) => {
    scans.set(schema, { digest: String(row.digest), scope: row.scope as Scope | null });
  });
  return scans;
}

/** All rows of many histories; a schema whose table is gone is left out. */
export async function readHistories(
  reader: Reader,
  schemas: readonly string[],
  table: string,
): Promise<Map<string, { readonly rows: RecordedRow[]; readonly digest: string }>> {
  // One row more a table tells those without rows from those without a table.
  const select = (
    schema: string,
    i: number,
  ) => `select ${i} as i, null::text as version, null::text as name, null as checksum,
    null as state, null as run_id, null::int as duration_ms, null::text as digest
  union all select ${i}, ${rowColumns}, ${rowDigest}::text from ${historyTable(schema, table)}`;
  const found = new Map<string, { rows: RecordedRow[]; sum: bigint }>();
  await inBatches(reader, schemas, select, (schema, row) => {
    const history = found.get(schema) ?? { rows: [], sum: 0n };
    found.set(schema, history);
    if (row.name === null) return;
    history.rows.push(toRow(row));
    history.sum += BigInt(String(row.digest));
  });
  return new Map(
    [...found].map(([schema, { rows, sum }]) => [schema, { rows, digest: digestFor(rows.length, sum) }]),
  );
}

type OnRow = (schema: string, row: Readonly<Record<string, unknown>>) => void;

async function inBatches(
  reader: Reader,
  schemas: readonly string[],
  select: (schema: string, i: number) => string,
  onRow: OnRow,
): Promise<void> {
  const batches: (readonly string[])[] = [];
  for (let from = 0; from < schemas.length; from += batchSize)
    batches.push(schemas.slice(from, from + batchSize));
  const work = async (on: Session) => {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift())
      await readBatch(on, batch, select, onRow);
  };
  const second = batches.length > 1 ? await reader.spare() : null;
  await Promise.all([work(reader.session), ...(second === null ? [] : [work(second)])]);
}

async function readBatch(
  session: Session,
  batch: readonly string[],
  select: (schema: string, i: number) => string,
  onRow: OnRow,
): Promise<void> {
  try {
    const rows = await session.read(batch.map(select).join('\nunion all\n'));
    for (const row of rows) onRow(String(batch[Number(row.i)]), row);
  } catch (error) {
    if (!isServerError(error) || !(splitsAlone(error.code) || error.code === sqlstates.insufficientResources))
      throw error;
    if (batch.length === 1) {
      if (splitsAlone(error.code)) return;
      throw error;
    }
    const half = Math.ceil(batch.length / 2);
    await readBatch(session, batch.slice(0, half), select, onRow);
    await readBatch(session, batch.slice(half), select, onRow);
  }
}

// A table that is gone, or that has not our columns: the others of its batch are read without it.
function splitsAlone(code: string): boolean {
  const reasons: string[] = [sqlstates.undefinedTable, sqlstates.undefinedSchema, sqlstates.undefinedColumn];
  return reasons.includes(code);
}
