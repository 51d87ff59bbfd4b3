import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** Passes bytes on to a server until the test ends; `onFirst` may keep a connection from being made. */
async function proxyTo(
  databaseUrl: string,
  onFirst: (first: Buffer) => boolean,
  onMore: (chunk: Buffer) => void = () => {},
): Promise<string> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket
        .on('error', () => {})
        .on('close', (failed) => {
          sockets.delete(socket);
          if (failed) other.destroy();
        });
    }
    client.once('data', (first) => {
      if (!onFirst(first)) return client.destroy();
      upstream.write(first);
      client.on('data', onMore);
      client.pipe(upstream);
      upstream.pipe(client);
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const address = proxy.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href;
}

/** Passes everything on but the first `drop` cancel requests. */
export async function cancelDroppingProxy(
  databaseUrl: string,
  drop: number,
): Promise<{ url: string; cancels: () => number }> {
  let cancels = 0;
  const url = await proxyTo(databaseUrl, (first) => {
    // Length 16, then the code of a CancelRequest (PostgreSQL documentation, message formats).
    if (first.length === 16 && first.readInt32BE(4) === 80877102) {
      cancels += 1;
      return cancels > drop;
    }
    return true;
  });
  return { url, cancels: () => cancels };
}

/** Passes everything on, and counts the Query messages that clients send while some work is done. */
export async function countingProxy(
  databaseUrl: string,
): Promise<{ url: string; during: (work: () => Promise<void>) => Promise<number> }> {
  let queries = 0;
  const url = await proxyTo(
    databaseUrl,
    () => true,
    (chunk) => {
      // A message in flight at a time: a Query begins a chunk, its later chunks begin with SQL.
      if (chunk[0] === 0x51 && chunk.length > 5 && chunk.readInt32BE(1) + 1 >= chunk.length) queries += 1;
    },
  );
  return {
    url,
    async during(work) {
      const before = queries;
      await work();
      return queries - before;
    },
  };
}

/** Passes everything on, and calls a function before each message that is this text, or in which this pattern is found. */
export function tellingProxy(
  databaseUrl: string,
  text: string | RegExp,
  onMessage: (message: Buffer) => void,
): Promise<string> {
  const isMessage = (chunk: Buffer) =>
    typeof text === 'string'
      ? chunk.equals(Buffer.from(`Q\0\0\0${String.fromCharCode(text.length + 5)}${text}\0`, 'latin1'))
      : text.test(chunk.toString('latin1'));
  return proxyTo(
    databaseUrl,
    () => true,
    (chunk) => void (isMessage(chunk) && onMessage(chunk)),
  );
}

/** A proxy that can cut or stall all the connections it has. */
export interface UnreliableProxy {
  readonly url: string;
  /** Resets every connection on both sides, as a load balancer that restarts does; new ones pass. */
  cut(): void;
  /** Lets no byte and no end pass any more; with `newOnes` none of connections to come either. */
  stall(newOnes: boolean): void;
  /** Cuts every connection and refuses new ones, as if the database did not exist, until called with `false`. */
  refuse(all: boolean): void;
}

/** The ErrorResponse of a server that has no such database (PostgreSQL documentation, message formats). */
function noSuchDatabase(): Buffer {
  const fields = Buffer.from('SFATAL\0VFATAL\0C3D000\0Mdatabase does not exist\0\0');
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.length + 4);
  return Buffer.concat([Buffer.from('E'), length, fields]);
}

/** Passes everything on until told otherwise. */
export async function unreliableProxy(databaseUrl: string): Promise<UnreliableProxy> {
  const target = new URL(databaseUrl);
  const pairs = new Set<readonly Socket[]>();
  let swallows = false;
  let refuses = false;
  const proxy = createServer((client) => {
    client.on('error', () => {});
    if (swallows) return void pairs.add([client]);
    if (refuses) return void client.once('data', () => client.end(noSuchDatabase()));
    const upstream = connect(Number(target.port || 5432), target.hostname);
    const pair = [client, upstream];
    pairs.add(pair);
    upstream.on('error', () => {});
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.pipe(other);
      one.on('close', () => {
        if (!stalled.has(pair)) other.destroy();
        pairs.delete(pair);
      });
    }
  });
  const stalled = new Set<readonly Socket[]>();
  const kept = new Set<Socket>();
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of [...kept, ...[...pairs].flat()]) socket.destroy();
    proxy.close();
  });
  const address = proxy.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const cut = () => {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
  };
  return {
    url: Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href,
    cut,
    refuse(all) {
      refuses = all;
      if (all) cut();
    },
    stall(newOnes) {
      swallows = newOnes;
      for (const pair of pairs) {
        stalled.add(pair);
        for (const socket of pair) {
          kept.add(socket);
          socket.unpipe().pause();
        }
      }
    },
  };
}
