import { Duplex } from 'node:stream';

/** A socket, or a stream that stands for one. */
export type SocketLike = Duplex & { readonly readyState?: string };

/** A stream between the driver and the server's socket; a subclass changes what passes through. */
export abstract class Relay extends Duplex {
  readonly #socket: SocketLike;

  constructor(socket: SocketLike) {
    super({ emitClose: false });
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.fromServer(chunk));
    socket.once('end', () => this.push(null));
    socket.once('error', (error) => this.destroy(error));
    socket.once('close', () => this.destroy());
  }

  /** As in a socket; the driver terminates the session only while it is open. */
  get readyState(): string | undefined {
    return this.#socket.readyState;
  }

  /** Takes what the server sent. */
  protected abstract fromServer(chunk: Buffer): void;

  protected toDriver(bytes: Buffer): void {
    if (!this.push(bytes)) this.#socket.pause();
  }

  protected toServer(bytes: Buffer, done?: (error?: Error | null) => void): void {
    this.#socket.write(bytes, done);
  }

  override _read(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.toServer(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
    // After the error has reached the query: whoever sees the end first would only report that the connection closed.
    setImmediate(() => this.emit('close', error !== null));
  }
}
