// npm run bench [-- PART ... [--rounds 5] [--tenants N] [--files M] [--concurrency 4] [--only NAME,NAME] [--json FILE]]
// Parts: start, fresh, new (and nothing), scan, single, latency, flush, growth, structure. All when none is named.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { limits, rivals, sqlmig, verifying } from './contestants.mjs';
import { latencyProxy } from './latency-proxy.mjs';
import { interleaved, median, rows, timed } from './measure.mjs';
import { startServer } from './server.mjs';
import { writeFiles, writeTables } from './workload.mjs';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    tenants: { type: 'string' },
    files: { type: 'string' },
    concurrency: { type: 'string', default: '4' },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});
const rounds = Number(flags.rounds);
const k = Number(flags.concurrency);
const wanted = (list) =>
  flags.only === undefined
    ? list
    : list.filter(({ name }) => flags.only.split(',').some((part) => name.startsWith(part)));
const size = (tenants, files) => [Number(flags.tenants ?? tenants), Number(flags.files ?? files)];
const report = [];

function tell(title, results, base) {
  const table = rows(results, base);
  report.push({ title, base, rows: table });
  console.log(`\n${title}`);
  for (const { name, ms, least, most, ratio, rounds: n } of table)
    console.log(
      `  ${name.padEnd(32)} ${ms.toFixed(0).padStart(8)} ms  (${least.toFixed(0)} to ${most.toFixed(0)}, ${n} rounds)  ${ratio.toFixed(2)} x ${base}`,
    );
}

/** A folder with the files of all tools and a list of tenants. */
function project(server, tenantCount, files) {
  const dir = mkdtempSync(join(server.dir, 'project-'));
  const tenants = Array.from({ length: tenantCount }, (_, i) => `tenant_${i + 1}`);
  const list = join(dir, 'tenants.json');
  writeFileSync(list, JSON.stringify(tenants));
  writeFiles(dir, 1, files);
  mkdirSync(join(dir, 'sqlmig'), { recursive: true });
  writeFileSync(join(dir, 'sqlmig/sqlmig.config.json'), JSON.stringify({ tenants: { list: tenants } }));
  return { dir, tenants, list, k };
}

async function createDatabase(server, name, tenants) {
  await server.query('postgres', `create database ${name}`);
  for (let from = 0; from < tenants.length; from += 500) {
    const some = tenants.slice(from, from + 500);
    await server.query(name, some.map((tenant) => `create schema "${tenant}";`).join('\n'));
  }
}

/** Everything from nothing: each turn on a database of its own. */
async function fresh(server, contestants, [tenantCount, files], title, url = server.url) {
  const p = project(server, tenantCount, files);
  let n = 0;
  const results = await interleaved(contestants, rounds, async (contestant) => {
    const database = `fresh_${++n}`;
    await createDatabase(server, database, p.tenants);
    await server.query(database, 'checkpoint');
    const command = contestant.command({ ...p, url: url(database, contestant), from: 1, to: files });
    const ms = await timed(command);
    await server.query('postgres', `drop database ${database} with (force)`);
    return ms;
  });
  tell(title, results, contestants[0].name);
}

/** One more file in each round, and then nothing to do; a process a tenant takes a tenth of the tenants. */
async function again(server, contestants, [tenantCount, base], at = '', url = server.url) {
  const p = project(server, tenantCount, base);
  const few = project(server, Math.ceil(tenantCount / 10), base);
  const of = ({ slow }) => (slow ? few : p);
  const database = (contestant) => `again_${contestants.indexOf(contestant)}`;
  const run = (contestant, from, to) =>
    timed(contestant.command({ ...of(contestant), url: url(database(contestant)), from, to }));
  for (const contestant of contestants) {
    await createDatabase(server, database(contestant), of(contestant).tenants);
    await run(contestant, 1, base);
  }
  let next = base;
  const nothing = new Map();
  const one = await interleaved(contestants, rounds, async (contestant, round) => {
    if (next === base + round) {
      next += 1;
      for (const { dir } of [p, few]) writeFiles(dir, next, next);
    }
    const factor = contestant.slow ? p.tenants.length / few.tenants.length : 1;
    const ms = (await run(contestant, next, next)) * factor;
    if (!contestant.isLimit) {
      const none = (await run(contestant, 1, 0)) * factor;
      nothing.set(contestant.name, [...(nothing.get(contestant.name) ?? []), none]);
    }
    return ms;
  });
  const note = contestants.some(({ slow }) => slow)
    ? ` (tools with a process a tenant: ${few.tenants.length} tenants, times ${Math.round(p.tenants.length / few.tenants.length)})`
    : '';
  tell(`one new file, ${tenantCount} tenants${at}${note}`, one, contestants[0].name);
  tell(`nothing to do, ${tenantCount} tenants${at}${note}`, nothing, 'sqlmig');
  for (const contestant of contestants)
    await server.query('postgres', `drop database ${database(contestant)} with (force)`);
}

/** The best way to read all tables: over two sessions, a query for many. */
const bestScan = {
  name: 'scan of the tables alone',
  command: ({ url, list }) => [process.execPath, [new URL('scan.mjs', import.meta.url).pathname, url, list]],
};

const believing = sqlmig('sqlmig --skip-unchanged', ['--skip-unchanged']);

const bareNode = { name: 'node -e 0', command: () => [process.execPath, ['-e', '0']] };

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

const parts = {
  async start(server) {
    const p = project(server, 1, 10);
    await createDatabase(server, 'start', p.tenants);
    await timed(sqlmig().command({ ...p, url: server.url('start') }));
    const results = await interleaved([bareNode, sqlmig()], Math.max(rounds, 15), (contestant) =>
      timed(contestant.command({ ...p, url: server.url('start') })),
    );
    tell('nothing to do, one tenant', results, 'node -e 0');
  },
  async fresh(server) {
    const [tenants, files] = size(100, 100);
    await fresh(
      server,
      [...limits, sqlmig(), ...wanted(rivals)],
      [tenants, files],
      `fresh, ${tenants} x ${files}`,
    );
  },
  async single(server) {
    const [tenants, files] = size(1, 300);
    await fresh(server, [...limits, sqlmig()], [tenants, files], `fresh, ${tenants} x ${files}`);
  },
  async new(server) {
    await again(server, [limits[0], sqlmig(), ...wanted(rivals)], size(1000, 10));
  },
  async scan(server) {
    for (const tenantCount of flags.tenants === undefined ? [1000, 5000, 10_000] : [Number(flags.tenants)]) {
      const p = project(server, tenantCount, 2);
      await createDatabase(server, 'scan', p.tenants);
      await timed(believing.command({ ...p, url: server.url('scan') }));
      const results = await interleaved([bestScan, sqlmig(), believing, bareNode], rounds, (contestant) =>
        timed(contestant.command({ ...p, url: server.url('scan') })),
      );
      tell(`nothing to do, ${tenantCount} tenants`, results, bestScan.name);
      await server.query('postgres', 'drop database scan with (force)');
    }
  },
  async structure(server) {
    for (const tenantCount of flags.tenants === undefined ? [1000, 10_000] : [Number(flags.tenants)]) {
      const p = project(server, tenantCount, 0);
      writeTables(join(p.dir, 'sqlmig/sql/tenant'), 10);
      await createDatabase(server, 'structure', p.tenants);
      const url = server.url('structure');
      await timed(sqlmig().command({ ...p, url }));
      for (const [i, change] of [
        'drop index t1_name',
        'alter table t2 add column extra int',
        'alter table t3 alter name drop not null',
      ].entries())
        await server.query('structure', `set search_path = tenant_${i + 1}; ${change}`);
      const results = await interleaved(
        [verifying('--structure'), verifying('--siblings')],
        rounds,
        (contestant) => timed(contestant.command({ ...p, url }), 1),
      );
      tell(`verify, ${tenantCount} tenants, 10 tables each, 3 outliers`, results, 'verify --siblings');
      await server.query('postgres', 'drop database structure with (force)');
    }
  },
  async latency(server) {
    const proxies = [];
    for (const ms of [0, 1, 5]) {
      const proxy = await latencyProxy(Number(new URL(server.url('x')).port), ms);
      proxies.push({
        ...sqlmig(`sqlmig, ${ms} ms more a round trip`),
        ms,
        port: proxy.port,
        close: proxy.close,
      });
    }
    const through = (name, { port }) => server.url(name).replace(/:\d+\//, `:${port}/`);
    const [tenants, files] = size(20, 100);
    await fresh(server, proxies, [tenants, files], `fresh, ${tenants} x ${files}`, through);
    const pair = [sqlmig(), rivals.find(({ name }) => name === 'umzug')];
    for (const proxy of proxies.filter(({ ms }) => ms > 0)) {
      const at = `, ${proxy.ms} ms more a round trip`;
      await again(server, pair, size(1000, 10), at, (name) => through(name, proxy));
    }
    for (const proxy of proxies) proxy.close();
  },
  async flush() {
    const slow = await startServer({ flushMs: 1 });
    try {
      const [tenants, files] = size(100, 100);
      const contestants = [
        limits[1],
        limits[0],
        sqlmig(),
        sqlmig('sqlmig --flush-every-commit', ['--flush-every-commit']),
      ];
      await fresh(slow, contestants, [tenants, files], `each flush takes 1 ms: fresh, ${tenants} x ${files}`);
    } finally {
      await slow.stop();
    }
  },
  async growth(server) {
    const [tenants, files] = size(1000, 100);
    const p = project(server, tenants, files);
    const turns = [];
    for (let round = 0; round < rounds; round++) {
      await createDatabase(server, 'growth', p.tenants);
      const ms = await timed(sqlmig().command({ ...p, url: server.url('growth') }));
      const perTenantByTenths = await tenths(server, 'growth', p.tenants);
      const growth = perTenantByTenths[9] / perTenantByTenths[0];
      console.log(
        `\nfresh, ${tenants} x ${files}: ${(ms / 1000).toFixed(1)} s; ms a tenant by tenths: ${perTenantByTenths.map((x) => x.toFixed(0)).join(' ')}; last to first ${growth.toFixed(2)}`,
      );
      turns.push({ ms, perTenantByTenths, growth });
      await server.query('postgres', 'drop database growth with (force)');
    }
    const growth = median(turns.map((turn) => turn.growth));
    console.log(`  median of last to first: ${growth.toFixed(2)} (${rounds} rounds)`);
    report.push({ title: `growth, ${tenants} x ${files}`, turns, growth });
  },
};

const chosen = positionals.length === 0 ? Object.keys(parts) : positionals;
const server = await startServer();
try {
  console.log(
    `PostgreSQL ${await server.version()}, stock settings, ${k} connections, Node ${process.version}; medians`,
  );
  for (const part of chosen) {
    if (parts[part] === undefined)
      throw new Error(`there is no part "${part}"; parts are ${Object.keys(parts).join(', ')}`);
    await parts[part](server);
  }
} finally {
  await server.stop();
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(report, null, 2)}\n`);
}
rmSync(join(server.dir), { recursive: true, force: true });
