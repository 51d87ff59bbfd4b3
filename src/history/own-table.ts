import type { Row } from '../server/answer.ts';
import type { Session } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';

/** The rows of a query of one of sqlmig's tables, which is created when it is needed; empty if it does not exist yet. */
export async function readOwnTable(session: Session, table: string, query: string): Promise<Row[]> {
  const [found] = await session.read(`select to_regclass(${quoteLiteral(table)}) is not null as exists`);
  return found?.exists === true ? session.read(query) : [];
}
