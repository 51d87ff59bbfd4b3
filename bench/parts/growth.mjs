// How the time a tenant takes grows over a long run.
import { up } from '../contestants.mjs';
import { timed } from '../measure.mjs';
import { createDatabase, createProject, dropDatabase } from '../project.mjs';
import { median } from '../tables.mjs';

/** Milliseconds a tenant took in each tenth of a fleet, in the order in which they were done. */
async function tenths(server, database, tenants) {
  const select = (tenant) =>
    `select extract(epoch from min(applied_at)) as began, extract(epoch from max(applied_at)) as ended from "${tenant}".schema_migrations`;
  const rows = await server.query(database, tenants.map(select).join(' union all '));
  const began = Math.min(...rows.map((row) => Number(row.began)));
  const ends = rows.map((row) => Number(row.ended)).sort((a, b) => a - b);
  const marks = [
    began,
    ...Array.from({ length: 10 }, (_, i) => ends[Math.ceil(((i + 1) * tenants.length) / 10) - 1]),
  ];
  return marks.slice(1).map((end, i) => ((end - marks[i]) * 1000) / (tenants.length / 10));
}

export async function growth(bench) {
  const { server, rounds, k } = bench;
  const { tenants, files } = bench.size(1000, 100);
  const project = await createProject(server, { tenants, files, k });
  const turns = [];
  const ratios = [];
  for (let round = 0; round < rounds; round++) {
    await createDatabase(server, 'growth', project);
    turns.push(await timed(up().command({ ...project, url: server.url('growth') }), { server }));
    const perTenant = await tenths(server, 'growth', project.tenants);
    ratios.push(perTenant[9] / perTenant[0]);
    console.log(
      `\nms a tenant by tenths: ${perTenant.map((x) => x.toFixed(0)).join(' ')}; last to first ${ratios.at(-1).toFixed(2)}`,
    );
    await dropDatabase(server, 'growth');
  }
  console.log(`  median of last to first: ${median(ratios).toFixed(2)}`);
  bench.tell(`growth, ${tenants} x ${files}`, new Map([['sqlmig', turns]]), 'sqlmig');
}
