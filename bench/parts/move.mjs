// The contents of public become a tenant.
import { join } from 'node:path';
import { limit, sqlmig } from '../contestants.mjs';
import { interleaved, timed } from '../measure.mjs';
import { dropDatabase, inDatabase, writeConfig } from '../project.mjs';
import { file, writeScripts } from '../workload.mjs';

const tenant = 'acme';
const renameAlone = limit('rename and create again', (turn) =>
  writeScripts(turn, 'move', [
    `begin;\nalter schema public rename to ${tenant};\ncreate schema public;\ncommit;\n`,
  ]),
);
const moving = sqlmig(['adopt', '--public-as', tenant, '--yes'], { name: 'adopt --public-as', folder: '.' });

export async function move(bench) {
  const { server, rounds } = bench;
  const { files } = bench.size(1, 300);
  const dir = join(server.dir, 'move');
  writeConfig(dir, { tenants: { list: [tenant] } });
  await server.query('postgres', 'create database move_source');
  await server.query('move_source', Array.from({ length: files }, (_, i) => file(i + 1)).join(''));
  const results = await interleaved([renameAlone, moving], rounds, (contestant) =>
    inDatabase(server, { template: 'move_source' }, (name) =>
      timed(contestant.command({ dir, k: 1, url: server.url(name) }), { server }),
    ),
  );
  bench.tell(`public becomes a tenant, ${files} files`, results, renameAlone.name);
  await dropDatabase(server, 'move_source');
}
