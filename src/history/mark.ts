import { quoteLiteral } from '../sql/quote.ts';
import { historyTable } from './history.ts';

/** A row that marks a schema in its history: its name, which no file can have, and a text in place of a checksum. */
export interface Mark {
  readonly name: string;
  readonly checksum: string;
}

/**
 * PL/pgSQL that marks a schema. The row is one of an incomplete migration without a file, so releases that do not know the
 * mark refuse the schema as well; and it changes the history, so plans made before are stale.
 */
export function insertMark(
  schema: string,
  { name, checksum }: Mark,
  { table, appliedBy, runId }: { readonly table: string; readonly appliedBy: string; readonly runId: string },
): string {
  const own = historyTable(schema, table);
  const values = [name, checksum, appliedBy, runId, 'incomplete', 'tenant'].map(quoteLiteral).join(', ');
  return `  insert into ${own} (name, checksum, applied_by, run_id, state, scope, statements, at_statement, done_statements)
    values (${values}, 1, 1, 0) on conflict (name) where version is null do nothing;
  if not exists (select from ${own} where ${isMark({ name })}) then
    raise exception using errcode = '55000', message = 'the history table did not keep the row that marks the schema';
  end if;
`;
}

/** SQL condition: a row of a history is this mark. */
export function isMark({ name }: Pick<Mark, 'name'>): string {
  return `version is null and name = ${quoteLiteral(name)}`;
}
