// One new tenant, from its files and from a snapshot.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { limit, limits, sqlmig } from '../contestants.mjs';
import { interleaved, timed } from '../measure.mjs';
import { copyWithSnapshot, createDatabase, createProject, dropDatabase } from '../project.mjs';
import { sent, transaction, writeScripts } from '../workload.mjs';

const withSnapshot = 'with-snapshot';
const creating = (name, folder) =>
  sqlmig(({ tenants }) => ['tenant', 'create', ...tenants, '--unlisted'], { name, folder });

const snapshotAlone = limit('the snapshot', (turn) => {
  const text = readFileSync(join(turn.dir, withSnapshot, 'sql/tenant.snapshot.sql'), 'utf8');
  const messages = turn.tenants.map((tenant) =>
    sent(
      transaction(tenant, `create schema "${tenant}";\n${text.replaceAll(/\{\{'?tenant'?\}\}/g, tenant)}`),
    ),
  );
  return writeScripts(turn, 'snapshot', messages);
});

export async function create(bench) {
  const { server, rounds } = bench;
  const { files } = bench.size(1, 100);
  const project = await createProject(server, { tenants: 0, files, k: 1 });
  await copyWithSnapshot(server, project, withSnapshot);
  await createDatabase(server, 'creation', project);
  const url = server.url('creation');
  const contestants = [
    ...limits,
    creating('tenant create', 'sqlmig'),
    snapshotAlone,
    creating('tenant create, snapshot', withSnapshot),
  ];
  let n = 0;
  const results = await interleaved(contestants, rounds, async (contestant) => {
    const tenants = [`created_${++n}`];
    if (limits.includes(contestant)) await server.query('creation', `create schema ${tenants[0]}`);
    return timed(contestant.command({ ...project, url, tenants, from: 1, to: files }), { server });
  });
  bench.tell(`tenant create, ${files} files`, results, contestants[0].name);
  await dropDatabase(server, 'creation');
}
