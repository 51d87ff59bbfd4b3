import { SqlmigError } from '../errors.ts';
import type { Session } from '../server/session.ts';
import { comparing } from '../split/columns.ts';
import { hasColumn, readShape } from '../split/tables.ts';
import type { MoveRecord } from './move-record.ts';
import { rowsIn } from './move-rows.ts';
import { ownTables } from './table-pairs.ts';

/** A schema, and the names that its histories can have. */
interface SchemaPlace {
  readonly schema: string;
  readonly histories: readonly string[];
}

/** The tables of a schema whose rows differ from the copied ones, in the transaction of a session. */
export async function changedTables(
  session: Session,
  { schema, histories }: SchemaPlace,
  { tables: copied }: Pick<MoveRecord, 'tables'>,
): Promise<string[]> {
  await session.read(comparing);
  const tables = ownTables(await readShape(session, schema), histories);
  const changed = [...copied.keys()].filter((name) => !tables.some((table) => table.name === name));
  for (const table of tables) {
    const before = copied.get(table.name) ?? { rows: 0, checksum: '0', columns: [] };
    const isComplete = before.columns.every((column) => hasColumn(table, column));
    const hasMore = table.columns.some(
      ({ name, isGenerated }) => !isGenerated && !before.columns.includes(name),
    );
    const now = isComplete ? await rowsIn(session, table, before.columns) : null;
    if (now?.rows !== before.rows || (now.rows > 0 && (hasMore || now.checksum !== before.checksum)))
      changed.push(table.name);
  }
  return changed.sort();
}

/** As `changedTables`, in a transaction of its own with one snapshot of all tables. */
export async function readChangedTables(
  session: Session,
  place: SchemaPlace,
  record: Pick<MoveRecord, 'tables'>,
): Promise<string[]> {
  await session.run('START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  const changed = await changedTables(session, place, record);
  await session.run('COMMIT');
  return changed;
}

/** The error for a schema that would be dropped although its rows are not all in the other database. */
export function copyChanged(schema: string, tables: readonly string[], hint: string): SqlmigError {
  const message = `rows of "${schema}" have changed since they were copied: ${tables.join(', ')}`;
  return new SqlmigError('copy-changed', message, { schema, state: 'nothing was changed', hint });
}
