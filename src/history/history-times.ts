import { runningOrder } from '../project/order.ts';
import { historyTable } from './history.ts';
import { type Reader, readInBatches } from './read-histories.ts';

/** When a history was written, and how long its migrations took. */
export interface HistoryTimes {
  /** Milliseconds, one for each row in the order of `byVersion`. */
  readonly durations: readonly number[];
  /** When the newest row was written, in seconds since 1970. */
  readonly lastAt: number;
}

/** Reads the times of many histories, each in one row; histories without rows, and those that cannot be read, are left out. */
export async function readHistoryTimes(
  reader: Reader,
  schemas: readonly string[],
  table: string,
): Promise<Map<string, HistoryTimes>> {
  const times = new Map<string, HistoryTimes>();
  await readInBatches(reader, schemas, {
    table,
    select: (schema, i) =>
      `select ${i} as i, string_agg(duration_ms::text, ' ' order by version nulls last, name collate "C") as durations,
  floor(extract(epoch from max(applied_at)))::float8 as last from ${historyTable(schema, table)}`,
    onRow(schema, { durations, last }) {
      if (durations === null) return;
      times.set(schema, { durations: String(durations).split(' ').map(Number), lastAt: Number(last) });
    },
  });
  return times;
}

/** The order in which `readHistoryTimes` reads rows: by version, then repeatables by the bytes of their names. */
export const byVersion = runningOrder((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
