import { checksumOf } from '../project/decode.ts';
import { migrationLabel } from '../project/order.ts';
import { canonicalVersion } from '../project/version.ts';
import type { Session } from '../server/session.ts';
import type { Migration } from '../sql/migration.ts';
import { historyTable, type RecordedRow, rowColumns, rowOf, toRow } from './history.ts';
import { type Histories, type Reader, readInBatches } from './read-histories.ts';
import type { HistoryRow } from './row.ts';

/** A row of a migration to undo. */
export interface UndoRow extends RecordedRow {
  readonly version: string;
  /** The checksum of the down file that the history keeps; `null` if it keeps none. */
  readonly keptChecksum: string | null;
  /** The text in the history has that checksum. */
  readonly isIntact: boolean;
}

/** A history, and which of its versioned rows to read. */
interface UndoQuery {
  readonly schema: string;
  /** The table has the columns of the current form. */
  readonly isCurrent: boolean;
  /** Those above this version; `null` for all. */
  readonly above: string | null;
  /** At most this many; `null` for all. */
  readonly most: number | null;
}

// As `checksumOf`, but computed by the server, so that it need not send every text.
const keptSum = `encode(sha256(convert_to(replace(replace(down, chr(13) || chr(10), chr(10)), chr(13), chr(10)), 'UTF8')), 'hex')`;
// The migration that was applied last comes first. Imported rows may have equal times.
const order = `order by state = 'applied', applied_at desc, h.version desc`;

/** Reads rows of many histories in the order of undoing: unfinished ones, then applied ones, the newest first. */
export async function readUndoRows(
  reader: Reader,
  queries: readonly UndoQuery[],
  table: string,
): Promise<Histories<readonly UndoRow[]>> {
  const bySchema = new Map(queries.map((query) => [query.schema, query]));
  const read = new Map<string, UndoRow[]>(queries.map(({ schema }) => [schema, []]));
  const select = (schema: string, i: number) => {
    const { isCurrent = false, above = null, most = null } = bySchema.get(schema) ?? {};
    const kept = isCurrent
      ? `down_checksum as kept, coalesce(down_checksum = ${keptSum}, false) as intact`
      : 'null::text as kept, false as intact';
    const where = `h.version is not null${above === null ? '' : ` and h.version > ${canonicalVersion(above)}`}`;
    return `(select ${i} as i, row_number() over (${order})::int as place, ${rowColumns}, ${kept}
  from ${historyTable(schema, table)} h where ${where} ${order}${most === null ? '' : ` limit ${most}`})`;
  };
  const refused = await readInBatches(reader, [...bySchema.keys()], {
    table,
    select,
    onRow(schema, row) {
      const found = { ...toRow(row), version: String(row.version) };
      const keptChecksum = (row.kept ?? null) as string | null;
      const rows = read.get(schema) ?? [];
      rows[Number(row.place) - 1] = { ...found, keptChecksum, isIntact: row.intact === true };
    },
  });
  return { read, refused };
}

/** A history, and the parts of a down file that it does not keep: the scope and the values of placeholders. */
interface KeptPlace extends Pick<Migration, 'scope' | 'vars'> {
  readonly schema: string;
  readonly table: string;
}

/** Reads the down file that a history keeps of a migration; `null` if it keeps none, or its text was changed. */
export async function readKeptDown(
  session: Session,
  { schema, table, ...rest }: KeptPlace,
  row: Pick<HistoryRow, 'version' | 'name'>,
): Promise<Migration | null> {
  const { version, name } = row;
  const own = historyTable(schema, table);
  const [found] = await session.read(
    `select down, down_checksum as checksum from ${own} where ${rowOf(row)}`,
  );
  const { down: text, checksum } = found ?? {};
  if (typeof text !== 'string' || typeof checksum !== 'string' || checksumOf(text) !== checksum) return null;
  const file = `${migrationLabel(row)}.down.sql (kept in the history)`;
  return { ...rest, version, name, file, text, checksum, undoes: true };
}
