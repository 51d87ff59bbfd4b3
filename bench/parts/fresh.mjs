// Everything from nothing: each turn on a database of its own.
import { limits, rivals, up } from '../contestants.mjs';
import { interleaved, timed } from '../measure.mjs';
import { copyWithSnapshot, createProject, inDatabase } from '../project.mjs';

const snapshotFolder = 'with-snapshot';
const withSnapshot = up([], { name: 'sqlmig with a snapshot', folder: snapshotFolder });

/** Measures contestants from nothing; `url` gives the address for a database and a contestant. */
export async function measureFresh(bench, contestants, { tenants, files, url = bench.server.url }) {
  const { server, rounds, k } = bench;
  const project = await createProject(server, { tenants, files, k });
  if (contestants.includes(withSnapshot)) await copyWithSnapshot(server, project, snapshotFolder);
  const results = await interleaved(contestants, rounds, (contestant) =>
    inDatabase(server, project, (name) =>
      timed(contestant.command({ ...project, url: url(name, contestant), from: 1, to: files }), { server }),
    ),
  );
  bench.tell(`fresh, ${tenants} x ${files}`, results, contestants[0].name);
}

const flushing = up(['--flush-every-commit'], { name: 'sqlmig --flush-every-commit' });

export const fresh = (bench) =>
  measureFresh(
    bench,
    [
      ...[...limits, up(), withSnapshot, ...(bench.flushMs === undefined ? [] : [flushing])],
      ...bench.wanted(rivals),
    ],
    bench.size(100, 100),
  );

/** One tenant with many files. */
export const single = (bench) => measureFresh(bench, [...limits, up()], bench.size(1, 300));
