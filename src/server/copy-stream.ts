import { Readable, Writable } from 'node:stream';

/** A COPY under way. */
export interface CopyStream<S extends Readable | Writable = Readable | Writable> {
  /** The rows, as PostgreSQL sends or takes them. */
  readonly stream: S;
  /**
   * Resolves to the number of rows when the server has ended the command. It rejects as `Session.run` does, and so must be
   * awaited.
   */
  readonly ended: Promise<number>;
}

/** The callbacks of a postgres.js query: one for its stream or result, one for its error. */
interface StreamingQuery {
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
  execute(): unknown;
}

/** A COPY that is sent by `begin`. */
interface StartedCopy {
  readonly begin: () => void;
  /** Settles only if the server begins to copy. */
  readonly stream: Promise<Readable | Writable>;
  readonly ended: Promise<number>;
}

/**
 * Follows a query of the driver that copies. The driver's own promise ends with the stream, and an error after the last row
 * would be lost: it resolves the query once more when the command has ended, and rejects it if that fails.
 */
export function startCopy(query: unknown): StartedCopy {
  const driven = query as StreamingQuery;
  let onStream = (_: Readable | Writable) => {};
  const stream = new Promise<Readable | Writable>((resolve) => {
    onStream = resolve;
  });
  const ended = new Promise<number>((resolve, reject) => {
    driven.resolve = (value) => {
      if (!(value instanceof Readable || value instanceof Writable)) return resolve(rowsOf(value));
      value.on('error', () => {});
      onStream(value instanceof Writable ? withoutLateFailure(value) : readToTheEnd(value));
    };
    driven.reject = reject;
  });
  ended.catch(() => {});
  return { begin: () => void driven.execute(), stream, ended };
}

/** The number in the tag of the last command. */
function rowsOf(value: unknown): number {
  const results = value as { readonly count?: number; at?(index: number): unknown };
  const last = Array.isArray(results.at?.(-1)) ? (results.at(-1) as { readonly count?: number }) : results;
  return Number(last.count ?? 0);
}

/** The driver may leave its socket paused after the last row, where what follows would never be read. */
function readToTheEnd(stream: Readable): Readable {
  return stream.on('end', () => unlessClosed(() => stream._read(0)));
}

/**
 * The driver's stream sends a CopyFail whenever it is destroyed, also after the last row, where a pooler would count it,
 * and after the connection is lost.
 */
function withoutLateFailure(stream: Writable): Writable {
  const fail = stream._destroy.bind(stream);
  stream._destroy = (error, callback) => {
    if (error === null || stream.writableFinished) return callback(error);
    unlessClosed(() => fail(error, () => {}));
    callback(error);
  };
  return stream;
}

/** Calls into the driver, which throws if its socket is gone. */
function unlessClosed(call: () => void): void {
  try {
    call();
  } catch {
    // The wire rejects the promises of whatever waits for an answer.
  }
}
