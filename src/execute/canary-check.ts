import { SqlmigError } from '../errors.ts';
import { searchPath, type UnitContext, unitWithoutHistory } from '../protocol/unit-context.ts';
import type { Session } from '../server/session.ts';
import { parseStatements } from '../sql/parse.ts';

const booleanOid = 16;

/**
 * Requires that a check is one query.
 * @throws SqlmigError `bad-usage` if it does not parse, or is something else.
 */
export async function requireQuery(query: string, called: string): Promise<void> {
  const parsed = await parseStatements(query);
  if ('problem' in parsed) throw notQuery(`${called} does not parse: ${parsed.problem.message}`);
  const { statements } = parsed;
  if (statements.length !== 1) throw notQuery(`${called} takes one statement, not ${statements.length}`);
  if (statements[0]?.kind !== 'SelectStmt') throw notQuery(`${called} takes a query`);
}

function notQuery(message: string): SqlmigError {
  const hint = 'give a query that returns one row with one boolean, such as: select count(*) > 0 from users';
  return new SqlmigError('bad-usage', message, { hint });
}

/**
 * Runs a check in one tenant, in a read-only transaction with the `search_path` of the tenant's files. It goes through
 * the extended protocol, which takes one statement: so nothing in it can leave the transaction.
 * Returns why the answer is not true, in words; `null` if it is.
 * @throws ServerError, SessionLost.
 */
export async function runCheck(
  session: Session,
  query: string,
  { schema, context }: { readonly schema: string; readonly context: UnitContext },
): Promise<string | null> {
  const path = searchPath(unitWithoutHistory(schema, 'tenant'), context);
  await session.run(`START TRANSACTION READ ONLY;
SET LOCAL lock_timeout = '${context.lockTimeoutMs}ms';
SET LOCAL search_path = ${path};`);
  const { columns, rows } = await session.statement(query);
  await session.run('ROLLBACK');
  const [column] = columns;
  if (column === undefined || columns.length > 1) return `it returned ${columns.length} columns, not one`;
  if (column.type !== booleanOid) return `column ${column.name} is not boolean`;
  if (rows.length !== 1) return `it returned ${rows.length} rows, not one`;
  const answer = rows[0]?.[column.name];
  return answer === true ? null : `it returned ${answer === null ? 'null' : 'false'}`;
}
