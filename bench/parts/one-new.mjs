// One more file in each round, which creates a table, and then nothing to do.
import { limits, rivals, up } from '../contestants.mjs';
import { interleaved, timed, times } from '../measure.mjs';
import { createDatabase, createProject, dropDatabase } from '../project.mjs';
import { newTable, writeFiles } from '../workload.mjs';

/** Measures contestants with one new file, then with none; a process a tenant gets a tenth of the tenants. */
export async function measureOneNew(bench, contestants, { tenants, files, at = '', url = bench.server.url }) {
  const { server, rounds, k } = bench;
  const all = await createProject(server, { tenants, files, k });
  const few = await createProject(server, { tenants: Math.ceil(tenants / 10), files, k });
  const of = ({ slow }) => (slow ? few : all);
  const database = (contestant) => `again_${contestants.indexOf(contestant)}`;
  const run = async (contestant, from, to, textOf) => {
    const place = { ...of(contestant), url: url(database(contestant)) };
    const command = contestant.command({ ...place, from, to, textOf });
    return times(tenants / of(contestant).tenants.length, await timed(command, { server }));
  };
  for (const contestant of contestants) {
    await createDatabase(server, database(contestant), of(contestant));
    await run(contestant, 1, files);
  }
  let written = files;
  const nothing = new Map();
  const one = await interleaved(contestants, rounds, async (contestant, round) => {
    if (written === files + round) {
      written += 1;
      for (const { dir } of [all, few]) writeFiles(dir, written, written, newTable);
    }
    const turn = await run(contestant, written, written, newTable);
    if (!contestant.isLimit)
      nothing.set(contestant.name, [...(nothing.get(contestant.name) ?? []), await run(contestant, 1, 0)]);
    return turn;
  });
  bench.tell(`one new file, ${tenants} tenants${at}`, one, contestants[0].name);
  bench.tell(`nothing to do, ${tenants} tenants${at}`, nothing, 'sqlmig');
  for (const contestant of contestants) await dropDatabase(server, database(contestant));
}

export const oneNew = (bench) =>
  measureOneNew(bench, [limits[0], up(), ...bench.wanted(rivals)], bench.size(1000, 10));
