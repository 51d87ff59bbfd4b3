import { type OnNotice, type Row, SessionLost } from './answer.ts';
import { type Client, createClient } from './client.ts';
import type { ClientOptions } from './client-options.ts';
import { type CopyStream, startCopy } from './copy-stream.ts';
import { withDeadline } from './deadline.ts';
import { isServerError } from './server-error.ts';
import { createSockets, type Sockets } from './sockets.ts';

/** How a wire is opened. */
interface WireSetup {
  readonly server: ClientOptions;
  /** See `Connection`. */
  readonly oneByOne: boolean;
  /** Parameters of the startup message. */
  readonly startup: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
  readonly onNotice: OnNotice;
  readonly onNotification: (channel: string) => void;
}

/** What listens to the answer to a query, and what to do after an error. */
interface Listening {
  readonly onRow?: ((row: Row) => void) | undefined;
  readonly onNotice?: OnNotice | undefined;
  /** SQL that undoes what a rollback leaves. */
  readonly undo?: string;
}

/** A message of the driver's, not sent before something waits for it. */
export type Query = ReturnType<Client['unsafe']>;

/** The part of a query of postgres.js that asks the server to cancel it. */
interface Cancellable {
  readonly canceller?: ((query: Cancellable) => Promise<unknown>) | null;
}

/** One connection with at most one message in flight, lost for good at the first connection error. */
export class Wire {
  readonly #client: Client;
  readonly #sockets: Sockets;
  readonly #onNotice: OnNotice;
  #lost = false;
  #whenLost = () => {};
  #running: Cancellable | null = null;
  #sentAt = 0;
  #listener: OnNotice;
  // The driver itself never settles a query that is sent between 'error' and 'close' of a socket.
  #giveUp = (_: Error) => {};
  #reason = 'the server closed the connection';
  #keepsServerWaiting = () => false;

  constructor({ server, oneByOne, startup, connectTimeoutMs, onNotice, onNotification }: WireSetup) {
    this.#onNotice = onNotice;
    this.#listener = onNotice;
    this.#sockets = createSockets(server, oneByOne);
    this.#client = createClient(
      { server, open: this.#sockets.open, startup, connectTimeoutMs },
      { onNotice: (notice) => this.#listener(notice), onClose: () => this.#lose(), onNotification },
    );
  }

  /** True once it can no longer be used. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Calls a function once the wire is lost or closed. */
  whenLost(call: () => void): void {
    this.#whenLost = call;
  }

  /** When the server was last heard while it owes an answer; `null` while nothing runs, or rows are not taken. */
  silentSince(): number | null {
    return this.#running === null || this.#keepsServerWaiting()
      ? null
      : Math.max(this.#sentAt, this.#sockets.lastDataAt());
  }

  /** A message of the simple protocol. */
  message(text: string): Query {
    return this.#client.unsafe(text).simple();
  }

  /** One statement of the extended protocol. */
  statement(text: string): Query {
    return this.#client.unsafe(text, [], { simple: false } as object);
  }

  /** Waits for an answer; a wire that is lost meanwhile rejects it. */
  answer<T>(query: PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#giveUp = reject;
      query.then(resolve, reject);
    });
  }

  /**
   * Sends a query; after a server error rolls back, and runs `undo` in the same message.
   * @throws ServerError if the server refuses it, SessionLost if the outcome is unknown.
   */
  run(query: Query, { onRow, onNotice, undo = '' }: Listening = {}): Promise<Row[]> {
    return this.#rollingBack(() => this.#send(query, onRow, onNotice), undo);
  }

  /**
   * Sends a message whose last statement is COPY with STDIN or STDOUT. Until it has ended, no other message can be sent.
   * @throws as `run` does.
   */
  async copy(text: string): Promise<CopyStream> {
    const query = this.message(text);
    const copy = startCopy(query);
    const ended = this.#rollingBack(() =>
      this.#exchange(query, () => {
        copy.begin();
        return this.answer(copy.ended);
      }),
    ).finally(() => {
      this.#keepsServerWaiting = () => false;
    });
    const failed = ended.then(() => Promise.reject(new Error('the message contains no COPY')));
    const stream = await Promise.race([copy.stream, failed]);
    failed.catch(() => {});
    this.#keepsServerWaiting = () => 'readableLength' in stream && stream.readableLength > 0;
    return { stream, ended };
  }

  /** Asks the server to cancel what runs. */
  cancel(): void {
    // Not `cancel()`: that works once a query, and a request that fails would end the process unhandled.
    this.#sockets.canceling(() => {
      void Promise.resolve(this.#running?.canceller?.(this.#running)).catch(() => {});
    });
  }

  async close(signal?: AbortSignal): Promise<void> {
    if (this.#lost) return;
    this.#lost = true;
    this.#whenLost();
    await withDeadline(this.#client.end({ timeout: 2 }), 3_000, signal).catch(() => {});
    this.abandon();
  }

  /** Closes the sockets at once, without a word to the server; `reason` is what a waiting query reports. */
  abandon(reason = this.#reason): void {
    this.#reason = reason;
    this.#lose();
    // A plain end() hangs after ECONNRESET (porsager/postgres#1130).
    this.#client.end({ timeout: 0 }).catch(() => {});
    this.#sockets.destroy();
  }

  #lose(): void {
    this.#lost = true;
    this.#whenLost();
    this.#giveUp(new Error(this.#reason));
  }

  async #rollingBack<T>(send: () => Promise<T>, undo = ''): Promise<T> {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof SessionLost))
        await this.#send(
          this.message(`ROLLBACK;\n${undo}`),
          () => {},
          () => {},
        );
      throw error;
    }
  }

  #send(query: Query, onRow?: (row: Row) => void, onNotice?: OnNotice): Promise<Row[]> {
    const rows: Row[] = [];
    const take = onRow ?? ((row: Row) => void rows.push(row));
    const answered = async () => {
      await this.answer(query.forEach(take));
      return rows;
    };
    return this.#exchange(query, answered, onNotice);
  }

  async #exchange<T>(
    query: Query,
    answered: () => Promise<T>,
    onNotice: OnNotice = this.#onNotice,
  ): Promise<T> {
    if (this.#lost) throw new SessionLost(this.#reason, this.#sockets.lastWords());
    if (this.#running !== null) throw new Error('one message at a time');
    this.#running = query as unknown as Cancellable;
    this.#sentAt = performance.now();
    this.#listener = onNotice;
    try {
      return await answered();
    } catch (error) {
      if (isServerError(error)) throw error;
      this.abandon();
      throw new SessionLost(lossOf(error, this.#reason), this.#sockets.lastWords(), error);
    } finally {
      this.#running = null;
      this.#listener = this.#onNotice;
      this.#giveUp = () => {};
    }
  }
}

/** Why a connection was lost, without the driver's words for it. */
function lossOf(error: unknown, reason: string): string {
  const { code, message } = error as { code?: string; message?: string };
  return code?.startsWith('CONNECTION_') ? reason : (message ?? String(error));
}
