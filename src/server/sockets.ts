import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { bindToChannel } from './channel-binding.ts';
import type { ClientOptions } from './client-options.ts';
import { sendOneByOne } from './one-by-one.ts';
import type { LastWords } from './server-error.ts';

/** The sockets of one session: one for its messages, and one for each request to cancel. */
export interface Sockets {
  /** Opens one, with TLS if requested; called by the driver. */
  readonly open: () => Promise<Duplex>;
  /** What `ask` opens is for a request to cancel, and is closed after `cancelTimeoutMs`. */
  canceling(ask: () => void): void;
  /** When the last bytes arrived, by `performance.now()`. */
  lastDataAt(): number;
  /** The FATAL error with which the server ended the session; `null` where it said nothing. */
  lastWords(): LastWords | null;
  /** Closes all of them at once. A socket whose other end is gone would keep the process alive for a quarter of an hour. */
  destroy(): void;
}

// A network that is gone is noticed after this and ten probes, one a second, which is what Node makes of it.
const keepAliveMs = 10_000;
const cancelTimeoutMs = 2_000;
// Length 8, then the code of an SSLRequest (PostgreSQL documentation, message formats).
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
// The last error of a session lies at the end of all that came.
const tailLength = 8_192;

/**
 * Sockets to one server. The driver's own sockets can neither be closed at once nor report their last bytes. `oneByOne`: see
 * `Connection`.
 */
export function createSockets(server: ClientOptions, oneByOne: boolean): Sockets {
  const sockets = new Set<Socket>();
  // Node 20 can crash if the socket below TLS is destroyed first.
  const encryptedBy = new Map<Socket, Socket>();
  const destroySocket = (socket: Socket) => (encryptedBy.get(socket) ?? socket).destroy();
  let forCancel = false;
  let opened = false;
  let destroyed = false;
  let lastDataAt = performance.now();
  let tail = Buffer.alloc(0);

  const open = async (isCancel: boolean): Promise<Duplex> => {
    // The driver would connect again and again to a server that accepts and closes (porsager/postgres#1193).
    if (opened && !isCancel) throw new Error('the server closed the connection');
    opened = true;
    const keep = (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).once('close', () => sockets.delete(socket));
      return socket;
    };
    const { host, port } = addressOf(server);
    const plain = keep(server.openSocket === null ? openTo(server) : ((await server.openSocket()) as Socket));
    if (isCancel) setTimeout(() => destroySocket(plain), cancelTimeoutMs).unref();
    if (destroyed) destroySocket(plain);
    // A socket that a program opened may not be one of Node's.
    plain.setKeepAlive?.(true, keepAliveMs);
    if (plain.connecting) await once(plain, 'connect');
    const encrypted = server.ssl !== false && (await acceptsTls(plain, server));
    const socket = encrypted ? keep(startTls(plain, host, server)) : plain;
    if (encrypted) {
      encryptedBy.set(plain, socket);
      await once(socket, 'secureConnect');
    }
    if (!isCancel) {
      socket.on('data', (chunk: Buffer) => {
        lastDataAt = performance.now();
        tail = Buffer.concat([tail, chunk.subarray(-tailLength)]).subarray(-tailLength);
      });
    }
    const stream =
      server.channelBinding && !isCancel ? bindToChannel(socket, server.password ?? null) : socket;
    return Object.assign(oneByOne && !isCancel ? sendOneByOne(stream) : stream, { host, port });
  };

  return {
    open: () => open(forCancel),
    canceling(ask) {
      forCancel = true;
      try {
        ask();
      } finally {
        forCancel = false;
      }
    },
    lastDataAt: () => lastDataAt,
    lastWords: () => lastWordsIn(tail),
    destroy() {
      destroyed = true;
      for (const socket of [...sockets]) destroySocket(socket);
    },
  };
}

function openTo(server: ClientOptions): Socket {
  const { host, port } = addressOf(server);
  return typeof server.path === 'string' ? connect(server.path) : connect({ host, port, keepAlive: true });
}

function addressOf({ host, port }: ClientOptions): { readonly host: string; readonly port: number } {
  const first = (value: unknown) => (Array.isArray(value) ? value[0] : value);
  return { host: String(first(host)), port: Number(first(port)) };
}

/** Asks the server for TLS. @throws Error if it does not support TLS and `ssl` requires it. */
async function acceptsTls(plain: Socket, { ssl, sslnegotiation }: ClientOptions): Promise<boolean> {
  if (sslnegotiation === 'direct') return true;
  plain.write(sslRequest);
  const [answer] = (await once(plain, 'data')) as [Buffer];
  // Unencrypted bytes after the answer were injected by a man in the middle (CVE-2021-23222).
  if (answer.length !== 1) throw new Error('the server sent more than its answer before TLS began');
  if (answer[0] === 'S'.charCodeAt(0)) return true;
  if (ssl === 'prefer') return false;
  throw new Error('the server does not support SSL');
}

function startTls(plain: Socket, host: string, { ssl, sslnegotiation }: ClientOptions): Socket {
  return connectTls({
    socket: plain,
    ...(isIP(host) === 0 && { servername: host }),
    ...(sslnegotiation === 'direct' && { ALPNProtocols: ['postgresql'] }),
    ...(typeof ssl === 'object' ? ssl : { rejectUnauthorized: false }),
  });
}

/** The FATAL or PANIC error with which some bytes of the protocol end. */
function lastWordsIn(bytes: Buffer): LastWords | null {
  for (let at = bytes.length - 5; at >= 0; at--) {
    if (bytes[at] !== 0x45 || at + 1 + bytes.readUInt32BE(at + 1) !== bytes.length) continue;
    const fields = new Map(
      bytes
        .toString('utf8', at + 5)
        .split('\0')
        .map((field) => [field.slice(0, 1), field.slice(1)]),
    );
    const [severity, code, message] = [fields.get('V'), fields.get('C'), fields.get('M')];
    if ((severity === 'FATAL' || severity === 'PANIC') && code && message) return { code, message };
  }
  return null;
}
