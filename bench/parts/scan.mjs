// Nothing to do for fleets of several sizes.
import { fileURLToPath } from 'node:url';
import { bareNode, skippingUnchanged, up } from '../contestants.mjs';
import { interleaved, timed } from '../measure.mjs';
import { createDatabase, createProject, dropDatabase } from '../project.mjs';

/** The best way to read all tables: over two sessions, a query for many. */
const tablesAlone = {
  name: 'scan of the tables alone',
  command: ({ url, list }) => [
    process.execPath,
    [fileURLToPath(new URL('../history-scan.mjs', import.meta.url)), url, list],
  ],
};

export async function scan(bench) {
  const { server, rounds, k } = bench;
  for (const tenants of bench.sizes([1000, 5000, 10_000])) {
    const project = await createProject(server, { tenants, files: 2, k });
    await createDatabase(server, 'scan', project);
    const run = (contestant) =>
      timed(contestant.command({ ...project, url: server.url('scan') }), { server });
    await run(skippingUnchanged);
    const results = await interleaved([tablesAlone, up(), skippingUnchanged, bareNode()], rounds, run);
    bench.tell(`reading ${tenants} histories, nothing to do`, results, tablesAlone.name);
    await dropDatabase(server, 'scan');
  }
}
