import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** Passes everything on to a server but the first `drop` cancel requests. */
export async function cancelDroppingProxy(
  databaseUrl: string,
  drop: number,
): Promise<{ url: string; cancels: () => number }> {
  const target = new URL(databaseUrl);
  let cancels = 0;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    client.once('data', (first) => {
      // Length 16, then the code of a CancelRequest (PostgreSQL documentation, message formats).
      if (first.length === 16 && first.readInt32BE(4) === 80877102) {
        cancels += 1;
        if (cancels <= drop) return client.destroy();
      }
      upstream.write(first);
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
  return {
    url: Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href,
    cancels: () => cancels,
  };
}
