// Comparing the structure of a fleet in which three tenants differ.
import { join } from 'node:path';
import { sqlmig, up } from '../contestants.mjs';
import { interleaved, timed } from '../measure.mjs';
import { createDatabase, createProject, dropDatabase } from '../project.mjs';
import { writeTables } from '../workload.mjs';

const changes = [
  'drop index t1_name',
  'alter table t2 add column extra int',
  'alter table t3 alter name drop not null',
];
const verifying = (flag) => sqlmig(['verify', flag], { name: `verify ${flag}` });

export async function structure(bench) {
  const { server, rounds, k } = bench;
  for (const tenants of bench.sizes([1000, 10_000])) {
    const project = await createProject(server, { tenants, files: 0, k });
    writeTables(join(project.dir, 'sqlmig/sql/tenant'), 10);
    await createDatabase(server, 'structure', project);
    const url = server.url('structure');
    await timed(up().command({ ...project, url }), { server });
    for (const [i, change] of changes.entries())
      await server.query('structure', `set search_path = tenant_${i + 1}; ${change}`);
    const results = await interleaved(
      [verifying('--structure'), verifying('--siblings')],
      rounds,
      (contestant) => timed(contestant.command({ ...project, url }), { server, expected: 1, memory: true }),
    );
    bench.tell(`verify, ${tenants} tenants, 10 tables each, 3 outliers`, results, 'verify --siblings');
    await dropDatabase(server, 'structure');
  }
}
