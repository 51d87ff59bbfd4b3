import { quoteLiteral } from '../sql/quote.ts';
import { historyTable } from './history.ts';
import type { HistoryRow } from './row.ts';

// The name of a repeatable that no file can have.
const markName = 'sqlmig/tenant-drop';

/** True for the history of a schema of which some objects have been dropped and others have not. */
export function isHalfDropped(rows: readonly Pick<HistoryRow, 'version' | 'name'>[]): boolean {
  return rows.some(({ version, name }) => version === null && name === markName);
}

/**
 * PL/pgSQL that marks a schema as half-dropped. The row is one of an incomplete migration without a file, so releases that
 * do not know the mark refuse the schema as well; and it changes the history, so plans made before are stale.
 */
export function insertDropMark(
  schema: string,
  table: string,
  { appliedBy, runId }: { readonly appliedBy: string; readonly runId: string },
): string {
  const own = historyTable(schema, table);
  const values = [markName, '', appliedBy, runId, 'incomplete', 'tenant'].map(quoteLiteral).join(', ');
  return `  insert into ${own} (name, checksum, applied_by, run_id, state, scope, statements, at_statement, done_statements)
    values (${values}, 1, 1, 0) on conflict (name) where version is null do nothing;
  if not exists (select from ${own} where version is null and name = ${quoteLiteral(markName)}) then
    raise exception using errcode = '55000', message = 'the history table did not keep the row that marks the schema';
  end if;
`;
}
