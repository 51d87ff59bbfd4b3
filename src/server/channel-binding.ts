import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { certificateHash } from './certificate-hash.ts';
import { Frames, frame } from './frames.ts';
import { Relay } from './relay.ts';
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

class BoundStream extends Relay {
  readonly #login: ScramLogin;
  readonly #frames = new Frames();
  #isProven = false;
  #isIn = false;

  constructor(socket: Socket, login: ScramLogin) {
    super(socket);
    this.#login = login;
  }

  protected override fromServer(chunk: Buffer): void {
    if (this.#isIn) {
      this.toDriver(chunk);
      return;
    }
    for (const message of this.#frames.take(chunk)) {
      const problem = message[0] === 'R'.charCodeAt(0) ? this.#authenticate(message) : this.toDriver(message);
      if (typeof problem === 'string') {
        this.destroy(new Error(problem));
        return;
      }
      if (this.#isIn) break;
    }
    const rest = this.#isIn ? this.#frames.rest() : null;
    if (rest !== null && rest.length > 0) this.toDriver(rest);
  }

  /** Answers a message of the login. Returns what is wrong with the message, in words. */
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
        this.toDriver(message);
        return;
      default:
        return 'the server asks for a login without channel binding';
    }
  }

  #answer(payload: Buffer): void {
    this.toServer(frame('p', payload));
  }
}
