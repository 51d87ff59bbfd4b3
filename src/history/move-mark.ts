import type { Session } from '../server/session.ts';
import { historyTable } from './history.ts';
import { isMark, type Mark } from './mark.ts';
import { readOwnTable } from './own-table.ts';
import type { HistoryRow } from './row.ts';

/** The mark of a schema that was moved to another database, where the copy is the valid one. */
export const moveMarkName = 'sqlmig/tenant-move';

/** The function that raises the error of a schema that is read-only since its move; with the mark, it comes and goes. */
export const moveFence = 'sqlmig_moved';

/** The table of the shared schema that records the tenants which were moved to its database. */
export const moveTable = 'sqlmig_moves';

/** What the mark says. */
export interface MoveMark {
  /** The id under which the other database has recorded the move. */
  readonly id: string;
  /** The other database, in words. */
  readonly to: string;
  /** The history of the files of all tenants was created for the mark, because the tenant is of kinds only. */
  readonly madeHistory: boolean;
}

/** The mark as a row. */
export function markOfMove({ id, to, madeHistory }: MoveMark): Mark {
  return { name: moveMarkName, checksum: `${id}${madeHistory ? madeSign : ''} ${to}` };
}

const madeSign = '+';

/** The mark in a history; `null` if the schema was not moved. */
export function moveMarkIn(
  rows: readonly Pick<HistoryRow, 'version' | 'name' | 'checksum'>[],
): MoveMark | null {
  const row = rows.find(isMoveMark);
  if (row === undefined) return null;
  const [first = '', ...words] = row.checksum.split(' ');
  const madeHistory = first.endsWith(madeSign);
  return { id: madeHistory ? first.slice(0, -madeSign.length) : first, to: words.join(' '), madeHistory };
}

/** The mark of a schema as its history has it now. */
export async function readMoveMark(
  session: Session,
  schema: string,
  table: string,
): Promise<MoveMark | null> {
  const own = historyTable(schema, table);
  const query = `select name, checksum from ${own} where ${isMark({ name: moveMarkName })}`;
  const rows = await readOwnTable(session, own, query);
  return moveMarkIn(
    rows.map(({ name, checksum }) => ({ version: null, name: String(name), checksum: String(checksum) })),
  );
}

/** SQL condition: a move has made the schema of this name read-only. */
export function isFenced(schema: string): string {
  return `exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where p.proname = '${moveFence}' and n.nspname = ${schema})`;
}

/** True for the row that is the mark. */
export function isMoveMark({ version, name }: Pick<HistoryRow, 'version' | 'name'>): boolean {
  return version === null && name === moveMarkName;
}
