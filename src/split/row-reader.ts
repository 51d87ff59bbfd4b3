import { readLocked } from '../history/locked.ts';
import type { Reader } from '../history/read-histories.ts';
import type { Row } from '../server/answer.ts';
import type { Session } from '../server/session.ts';
import { comparing } from './columns.ts';

/** How rows of the application's tables are read. */
export interface RowReader {
  readonly session: Session;
  /** Runs a query that reads tables of this schema. */
  rows(schema: string, query: string): Promise<Row[]>;
}

/** A reader outside of a transaction, which waits for locked tables as long as reading does, and reports that. */
export function patientReader(reader: Reader): RowReader {
  const { session } = reader;
  return {
    session,
    rows: (schema, query) =>
      readLocked(reader, { what: `the rows of "${schema}"`, schema, tables: null }, (limit) =>
        session.read(`${limit}${comparing}${query}`),
      ),
  };
}

/** A reader in a transaction, whose own limit on waiting applies. */
export function transactionReader(session: Session): RowReader {
  return { session, rows: (_, query) => session.read(`${comparing}${query}`) };
}
