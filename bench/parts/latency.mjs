// The same with longer round trips.
import postgres from 'postgres';
import { limits, rivals, skippingUnchanged, up } from '../contestants.mjs';
import { startLatencyProxy } from '../native.mjs';
import { median } from '../tables.mjs';
import { measureFresh } from './fresh.mjs';
import { measureOneNew } from './one-new.mjs';

/** The median of what `SELECT 1` takes, in milliseconds. */
async function roundTrip(url) {
  const sql = postgres(url, { max: 1, fetch_types: false });
  const times = [];
  for (let i = 0; i < 200; i++) {
    const started = performance.now();
    await sql.unsafe('select 1').simple();
    times.push(performance.now() - started);
  }
  await sql.end();
  return median(times);
}

export async function latency(bench) {
  const { server } = bench;
  const proxies = [];
  for (const ms of [1, 5]) proxies.push({ ms, ...(await startLatencyProxy(server.port, ms, server.dir)) });
  const through = (name, port = server.port) => server.url(name).replace(/:\d+\//, `:${port}/`);
  const measured = [`${(await roundTrip(through('postgres'))).toFixed(2)} ms directly`];
  for (const { ms, port } of proxies)
    measured.push(`${(await roundTrip(through('postgres', port))).toFixed(2)} ms with ${ms} ms more`);
  console.log(`\nSELECT 1 takes ${measured.join(', ')}`);
  const contestants = [{ ms: 0 }, ...proxies].map(({ ms, port }) => ({
    ...up([], { name: `sqlmig, ${ms} ms more a round trip` }),
    port,
  }));
  await measureFresh(bench, contestants, {
    ...bench.size(20, 100),
    url: (name, { port }) => through(name, port),
  });
  const umzug = rivals.filter(({ name }) => name === 'umzug');
  const beside = [limits[0], up(), skippingUnchanged, ...umzug];
  for (const { ms, port } of proxies)
    await measureOneNew(bench, beside, {
      ...bench.size(1000, 10),
      at: `, ${ms} ms more a round trip`,
      url: (name) => through(name, port),
    });
  for (const { stop } of proxies) stop();
}
