import type { ServerNotice } from './notice.ts';
import type { LastWords } from './server-error.ts';

/** A row as the server sent it: bigint as text, other types as postgres.js reads them. */
export type Row = Readonly<Record<string, unknown>>;

/** Receives the server's messages that are not errors. */
export type OnNotice = (notice: ServerNotice) => void;

/** The connection is gone, and whether the message took effect is unknown. */
export class SessionLost extends Error {
  override readonly name = 'SessionLost';
  /** Of the error with which the server ended it, if it sent one. */
  readonly sqlstate: string | undefined;

  constructor(message: string, words: LastWords | null, cause?: unknown) {
    super(words?.message ?? message, { cause });
    this.sqlstate = words?.code;
  }
}
