import { sqlstates } from '../errors.ts';
import { type FoundTable, findForeignTables } from '../history/foreign-tables.ts';
import type { FoundHistory } from '../history/import/foreign-reading.ts';
import type { HistoryReader } from '../history/import/history-reader.ts';
import { readerOf } from '../history/import/readers.ts';
import { readFoundTables, readSessionsAtWork, type SessionAtWork } from '../history/read-foreign.ts';
import type { ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';

/** A history of another tool, with its rows. */
export interface ForeignHistoryFound {
  readonly found: FoundTable;
  /** `null` if histories of this tool cannot be imported. */
  readonly reader: HistoryReader | null;
  /** An error if it cannot be read; `null` without a reader. */
  readonly history: FoundHistory | ServerError | null;
}

/** A session of another tool. */
export interface ToolSession extends SessionAtWork {
  readonly tool: string;
}

/** Reads every history of another tool in a database. */
export async function readForeignHistories(
  session: Session,
  historyTable: string,
): Promise<ForeignHistoryFound[]> {
  const found = await findForeignTables(session, { historyTable });
  const readable = found.flatMap((table) => {
    const reader = readerOf(table.tool);
    return reader === null ? [] : [{ found: table, reader }];
  });
  const read = await readFoundTables(session, readable);
  return found.map((table) => ({
    found: table,
    reader: readerOf(table.tool),
    history: read.get(table) ?? null,
  }));
}

/** The sessions in which the tools of these histories may be migrating now. */
export async function readToolSessions(
  session: Session,
  histories: readonly ForeignHistoryFound[],
): Promise<ToolSession[]> {
  const byReader = new Map<HistoryReader, FoundTable[]>();
  for (const { found, reader } of histories)
    if (reader !== null) byReader.set(reader, [...(byReader.get(reader) ?? []), found]);
  const sessions: ToolSession[] = [];
  for (const [reader, tables] of byReader) {
    const atWork = await readSessionsAtWork(session, reader, tables);
    sessions.push(...atWork.map((working) => ({ tool: reader.tool, ...working })));
  }
  return sessions;
}

/** Why a history cannot be imported, and what to do about it. */
export interface Obstacle {
  readonly message: string;
  readonly hint: string;
}

/** The obstacle of a schema with the histories of two tools. */
export function twoHistories(schema: string, hint: string): Obstacle {
  return { message: `${schema} has more than one tool's history`, hint };
}

/** The obstacle of a history that cannot be read: there is no reader, or the server raised an error. */
export function unreadable(found: FoundTable, error: ServerError | null): Obstacle {
  if (error === null) {
    return {
      message: `histories of ${found.tool} cannot be imported (${found.columns.join(', ')})`,
      hint: 'convert its files, and record them with: sqlmig adopt --baseline VERSION',
    };
  }
  return {
    message: `it cannot be read: ${error.message}`,
    hint:
      error.code === sqlstates.lockNotAvailable
        ? 'wait until the session that holds its lock has ended, and run the command again'
        : 'use a role that may read it',
  };
}
