import postgres from 'postgres';

/** What the server refused: the fields of its message, under the driver's names. */
export interface ServerError extends Error {
  /** SQLSTATE. */
  readonly code: string;
  /** Counted in characters from 1, in the whole message that was sent. */
  readonly position?: string;
  readonly detail?: string;
  readonly hint?: string;
  /** The stack of functions and blocks that ran. */
  readonly where?: string;
  /** The statement of a block or function that failed. */
  readonly internal_query?: string;
  /** As `position`, in `internal_query`. */
  readonly internal_position?: string;
  readonly schema_name?: string;
  readonly table_name?: string;
  /** The function of the server's source that raised it. */
  readonly routine?: string;
}

/** True for an error that the server raised in a session that goes on. */
export function isServerError(error: unknown): error is ServerError {
  return (
    error instanceof postgres.PostgresError &&
    error.severity !== 'FATAL' &&
    error.severity !== 'PANIC' &&
    !/^(57P0[1-5]|08...)$/.test(error.code)
  );
}

/** The error with which a server ended a session. */
export interface LastWords {
  readonly message: string;
  /** SQLSTATE. */
  readonly code: string;
}
