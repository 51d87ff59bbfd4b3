import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { certificateHash } from './certificate-hash.ts';
import { beginScram, boundMechanism, type ScramLogin } from './scram.ts';

// Codes of the server's authentication messages (PostgreSQL documentation, message formats).
const loggedIn = 0;
const offersMechanisms = 10;
const challenges = 11;
const proves = 12;

/**
 * A stream that logs in by itself with SCRAM that is bound to the server's certificate, and hides this from the driver,
 * which cannot do it: everything else passes through. As with libpq, a login in any other way is an error.
 * @throws Error if the connection cannot be bound.
 */
export function bindToChannel(socket: Socket, password: string | null): Duplex {
  if (!(socket instanceof TLSSocket))
    throw new Error('channel_binding=require needs TLS, which this connection does not use');
  const hash = certificateHash(socket.getPeerCertificate().raw);
  if (hash === null) throw new Error('the signature of the certificate has no hash for channel binding');
  if (password === null) throw new Error('channel_binding=require needs a password, and none is set');
  return new BoundStream(socket, beginScram(password, hash, randomBytes(18).toString('base64')));
}

class BoundStream extends Duplex {
  readonly #socket: Socket;
  readonly #login: ScramLogin;
  #incoming = Buffer.alloc(0);
  #isProven = false;
  #isIn = false;

  constructor(socket: Socket, login: ScramLogin) {
    super({ emitClose: false });
    this.#socket = socket;
    this.#login = login;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.once('end', () => this.push(null));
    socket.once('error', (error) => this.destroy(error));
    socket.once('close', () => this.destroy());
  }

  /** As in a socket; the driver terminates the session only while it is open. */
  get readyState(): string {
    return this.#socket.readyState;
  }

  override _read(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
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

  #take(chunk: Buffer): void {
    if (this.#isIn) {
      this.#pass(chunk);
      return;
    }
    this.#incoming = Buffer.concat([this.#incoming, chunk]);
    while (!this.#isIn && this.#incoming.length >= 5) {
      const length = 1 + this.#incoming.readUInt32BE(1);
      if (this.#incoming.length < length) return;
      const message = this.#incoming.subarray(0, length);
      this.#incoming = this.#incoming.subarray(length);
      const problem = message[0] === 'R'.charCodeAt(0) ? this.#authenticate(message) : this.#pass(message);
      if (typeof problem === 'string') {
        this.destroy(new Error(problem));
        return;
      }
    }
    if (this.#isIn && this.#incoming.length > 0) this.#pass(this.#incoming);
  }

  #pass(bytes: Buffer): void {
    if (!this.push(bytes)) this.#socket.pause();
  }

  /** Answers a message of the login; returns what is wrong with it, in words. */
  #authenticate(message: Buffer): string | undefined {
    const text = message.toString('utf8', 9);
    switch (message.readUInt32BE(5)) {
      case offersMechanisms: {
        if (!text.split('\0').includes(boundMechanism)) return `the server does not offer ${boundMechanism}`;
        const first = Buffer.from(this.#login.first);
        const length = Buffer.alloc(4);
        length.writeUInt32BE(first.length);
        this.#answer(Buffer.concat([Buffer.from(`${boundMechanism}\0`), length, first]));
        return;
      }
      case challenges: {
        const answer = this.#login.answer(text);
        if (answer === null) return 'the server sent a challenge that does not belong to this login';
        this.#answer(Buffer.from(answer));
        return;
      }
      case proves:
        if (!this.#login.isProof(text)) return 'the server did not prove that it knows the password';
        this.#isProven = true;
        return;
      case loggedIn:
        if (!this.#isProven) return 'the server accepted the login without channel binding';
        this.#isIn = true;
        this.#pass(message);
        return;
      default:
        return 'the server asks for a login without channel binding';
    }
  }

  #answer(payload: Buffer): void {
    const head = Buffer.alloc(5);
    head.write('p');
    head.writeUInt32BE(4 + payload.length, 1);
    this.#socket.write(Buffer.concat([head, payload]));
  }
}
