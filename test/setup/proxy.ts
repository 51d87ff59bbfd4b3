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
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
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
