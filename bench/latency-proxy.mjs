// Passes bytes on after a while, so that a round trip takes `roundTripMs` longer.
import { connect, createServer } from 'node:net';

export function latencyProxy(port, roundTripMs) {
  const sockets = new Set();
  const later = (from, to) => {
    sockets.add(from);
    from.on('error', () => {}).on('close', () => setTimeout(() => to.destroy(), roundTripMs));
    from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), roundTripMs / 2));
  };
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port, host: '127.0.0.1', noDelay: true });
    later(client, upstream);
    later(upstream, client);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve({
        port: server.address().port,
        close: () => {
          for (const socket of sockets) socket.destroy();
          server.close();
        },
      }),
    );
  });
}
