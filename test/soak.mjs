// Several runners, growing files, and something killed at random all the time: runners, backends, the server, the pooler,
// and all connections at once.
// Bundled before it runs, since Node 20 reads no TypeScript.
//   npm run soak [-- SECONDS [SEED]]      600 seconds when nothing is said; exits 1 if anything was lost or done twice
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { serverAccount } from '../src/embedded/account.ts';
import { serverBinaries } from '../src/embedded/binaries.ts';
import { ensureCluster, startCluster } from '../src/embedded/cluster.ts';
import { freePort } from '../src/embedded/free-port.ts';

const seconds = Number(process.argv[2] ?? 600);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
const tenantCount = 40;
const hangMs = 240_000;
const root = process.cwd();
const random = mulberry(seed);
const between = (least, most) => least + random() * (most - least);
const tally = {};
const count = (what) => {
  tally[what] = (tally[what] ?? 0) + 1;
};
const complaints = [];

/** A small generator of random numbers that gives the same ones for the same seed (Mulberry32). */
function mulberry(a) {
  let state = a;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const dir = mkdtempSync(join(tmpdir(), 'sqlmig-soak-'));
chmodSync(dir, 0o755);
const account = serverAccount();
const cluster = {
  dir: `${dir}-cluster`,
  native: serverBinaries(root, account),
  account,
  settings: { max_connections: '200', log_lock_waits: 'on' },
};
ensureCluster(cluster);
let server = await startCluster(cluster);
const { port, password } = new URL(server.url);
cluster.settings.port = port;
const direct = server.url;

async function query(text) {
  const sql = postgres(direct, { max: 1, fetch_types: false, onnotice() {}, connect_timeout: 5 });
  try {
    return [...(await sql.unsafe(text).simple())].flat();
  } finally {
    await sql.end({ timeout: 1 }).catch(() => {});
  }
}

async function restartServer() {
  const ended = new Promise((resolve) => server.process.once('exit', resolve));
  server.process.kill('SIGQUIT');
  await ended;
  for (let tries = 0; ; tries++) {
    try {
      server = await startCluster(cluster);
      return;
    } catch (error) {
      if (tries === 50) throw error;
      await delay(100);
    }
  }
}

// Half of the direct runners go through this, which can cut all that it passes on.
const cuttable = new Set();
const cutter = createServer((client) => {
  const upstream = connect(Number(port), '127.0.0.1');
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ]) {
    cuttable.add(one);
    one
      .on('error', () => {})
      .on('close', () => {
        cuttable.delete(one);
        other.destroy();
      });
    one.pipe(other);
  }
});
await new Promise((resolve) => cutter.listen(0, '127.0.0.1', resolve));
const throughCutter = Object.assign(new URL(direct), { port: String(cutter.address().port) }).href;

const pooler = poolerInstalled() ? { port: await freePort(), process: null } : null;
function poolerInstalled() {
  try {
    execFileSync('pgbouncer', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log('skipped: runs through PgBouncer, which is not installed');
    return false;
  }
}
async function startPooler() {
  const file = join(dir, 'pgbouncer.ini');
  const target = `host=127.0.0.1 port=${port} user=postgres password=${decodeURIComponent(password)}`;
  const rules =
    'auth_type = any\npool_mode = transaction\ndefault_pool_size = 20\nmax_client_conn = 500\nunix_socket_dir =';
  writeFileSync(
    file,
    `[databases]\n* = ${target}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${pooler.port}\n${rules}\n`,
  );
  if (account.uid !== undefined) chownSync(file, account.uid, account.gid);
  pooler.process = spawn('pgbouncer', ['-q', file], { ...account, stdio: 'ignore' });
  for (let i = 0; i < 100; i++) {
    const up = await new Promise((resolve) => {
      const socket = connect(pooler.port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (up) return;
    await delay(50);
  }
  throw new Error('the pooler does not start');
}

// What there is to apply: every file leaves a line, or an index, that a second run would leave again.
const tenants = Array.from({ length: tenantCount }, (_, i) => `tenant ${i + 1}`);
const files = { public: 0, tenant: 0, indexes: [] };
const line = (scope, version) =>
  `insert into public.effects values ('${scope}', ${scope === 'public' ? `'public'` : 'current_schema()'}, ${version});\n`;
function addPublicFile() {
  const version = ++files.public;
  const first =
    version === 1
      ? 'create table effects (scope text, schema text, version int);\n'
      : 'select pg_sleep(0.2);\n';
  writeFileSync(join(dir, `sql/public/${version}_p.sql`), first + line('public', version));
}
function addTenantFile() {
  const version = ++files.tenant;
  const slow = random() < 0.5 ? `select pg_sleep(${between(0, 0.2).toFixed(3)});\n` : '';
  const index = version > 1 && random() < 0.25;
  const text = index
    ? `create index concurrently i_${version} on base (id);\ncreate unique index concurrently u_${version} on base (id);\n`
    : `${version === 1 ? 'create table base (id int); insert into base select generate_series(1, 20000);' : `create table t_${version} (id int);`}\n${slow}${line('tenant', version)}`;
  if (index) files.indexes.push(version);
  writeFileSync(join(dir, `sql/tenant/${version}_t.sql`), text);
}
for (const folder of ['sql/public', 'sql/tenant']) mkdirSync(join(dir, folder), { recursive: true });
writeFileSync(
  join(dir, 'sqlmig.config.json'),
  JSON.stringify({ url: direct, directUrl: direct, tenants: { list: tenants }, concurrency: 4 }),
);
addPublicFile();
for (let i = 0; i < 3; i++) addTenantFile();

const running = new Set();
function sqlmig(args) {
  const child = spawn(process.execPath, [join(root, 'dist/cli.js'), ...args], {
    cwd: dir,
    env: { PATH: process.env.PATH, HOME: dir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const out = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].on('data', (chunk) => {
      out[stream] += chunk;
    });
  }
  const hanging = setTimeout(() => {
    complaints.push(`hangs: sqlmig ${args.join(' ')}: ${out.stderr.slice(-2000)}`);
    child.kill('SIGKILL');
  }, hangMs);
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      clearTimeout(hanging);
      running.delete(child);
      if (/uncaught|unhandled|TypeError|ReferenceError|RangeError|\n\s+at .*\.js:\d+/i.test(out.stderr)) {
        complaints.push(`uncaught in sqlmig ${args.join(' ')}: ${out.stderr.slice(0, 2000)}`);
      }
      resolve({ code, signal, ...out });
    });
  });
}

const end = performance.now() + seconds * 1000;
const going = () => performance.now() < end;

async function runner(number) {
  while (going()) {
    const through = pooler !== null && number % 2 === 1;
    const cut = number % 4 === 0 ? ['--url', throughCutter] : [];
    const url = through ? ['--url', `postgres://postgres@127.0.0.1:${pooler.port}/postgres`] : cut;
    const { code, signal } = await sqlmig([
      'up',
      '--all',
      '--max-failures',
      '100%',
      '--concurrent-index-jobs',
      '2',
      ...url,
    ]);
    count(
      `runs ${through ? 'through the pooler' : 'direct'} ended ${signal ?? { 0: 'well', 1: 'with failures', 3: 'without a server' }[code] ?? `with exit code ${code}`}`,
    );
    if (signal === null && ![0, 1, 3].includes(code)) complaints.push(`a run ended with ${code}`);
    await delay(between(0, 500));
  }
}

/** Settles what a kill left in the middle of a non-transactional file. */
async function settle() {
  const { stdout, code } = await sqlmig(['verify', '--json']);
  if (code !== 1) return;
  for (const { kind, schema, version } of JSON.parse(stdout).findings ?? []) {
    if (kind !== 'incomplete') continue;
    const repaired = await sqlmig(['repair', schema, version, '--resume']);
    count(repaired.code === 0 ? 'migrations resumed' : 'resumes that had to wait');
  }
}

async function repairer() {
  while (going()) {
    await delay(between(2000, 4000));
    await settle();
  }
}

async function grower() {
  while (going()) {
    await delay(between(3000, 6000));
    if (random() < 0.25) addPublicFile();
    else addTenantFile();
  }
}

const disasters = [
  [
    'runners killed with -9',
    8,
    () =>
      [...running]
        .sort(() => random() - 0.5)
        .at(0)
        ?.kill('SIGKILL'),
  ],
  [
    'backends terminated',
    8,
    () =>
      query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'sqlmig%' and pid <> pg_backend_pid() order by random() limit 2`,
      ),
  ],
  [
    'cuts of all connections',
    6,
    () => {
      for (const socket of cuttable) socket.resetAndDestroy();
    },
  ],
  ['server restarts (immediate)', 1, restartServer],
  [
    'pooler restarts',
    pooler === null ? 0 : 2,
    async () => {
      pooler.process.kill('SIGKILL');
      await delay(between(0, 500));
      await startPooler();
    },
  ],
];
async function chaos() {
  const weights = disasters.reduce((sum, [, weight]) => sum + weight, 0);
  while (going()) {
    await delay(between(200, 1500));
    let at = random() * weights;
    const disaster = disasters.find(([, weight]) => {
      at -= weight;
      return at < 0;
    });
    if (disaster === undefined) continue;
    count(disaster[0]);
    await Promise.resolve(disaster[2]()).catch((error) => count(`${disaster[0]}: ${error.message}`));
  }
}

let failed = true;
try {
  if (pooler !== null) await startPooler();
  await Promise.all([chaos(), grower(), repairer(), ...[0, 1, 2, 3].map(runner)]);
  // All is quiet now: what is open must be finished by the ordinary commands.
  for (let tries = 1; ; tries++) {
    await settle();
    const last = await sqlmig(['up', '--all', '--max-failures', '100%']);
    if (last.code === 0) break;
    if (tries === 5) {
      complaints.push(`the last run does not succeed: ${last.stderr}`);
      break;
    }
    await delay(1000);
  }
  const verified = await sqlmig(['verify', '--json']);
  if (verified.code !== 0) complaints.push(`verify: ${verified.stdout}`);

  const versions = Array.from({ length: files.tenant }, (_, i) => i + 1);
  const effects = await query(
    'select scope, schema, version, count(*)::int as n from effects group by 1, 2, 3',
  );
  const seen = new Map(effects.map(({ scope, schema, version, n }) => [`${scope} ${schema} ${version}`, n]));
  const expected = [
    ...Array.from({ length: files.public }, (_, i) => `public public ${i + 1}`),
    ...tenants.flatMap((tenant) =>
      versions.filter((v) => !files.indexes.includes(v)).map((v) => `tenant ${tenant} ${v}`),
    ),
  ];
  const lost = expected.filter((key) => !seen.has(key));
  const doubled = [...seen].filter(([key, n]) => n !== 1 || !expected.includes(key));
  const [{ n: indexes }] = await query(
    `select count(*)::int as n from pg_index i join pg_class c on c.oid = i.indexrelid where c.relname ~ '^[iu]_' and i.indisvalid`,
  );
  const [{ n: invalid }] = await query('select count(*)::int as n from pg_index where not indisvalid');
  const [{ n: locks }] = await query(
    `select count(*)::int as n from pg_locks where locktype = 'advisory' and classid = 1936813165`,
  );
  const histories = await query(
    tenants
      .map(
        (t) =>
          `select '${t}' as schema, count(*)::int as n, count(*) filter (where state <> 'applied')::int as open from "${t}".schema_migrations`,
      )
      .join(' union all '),
  );
  const incomplete = histories.filter(({ n, open }) => n !== files.tenant || open !== 0);
  if (indexes !== files.indexes.length * 2 * tenantCount) complaints.push(`${indexes} valid indexes`);
  if (invalid !== 0) complaints.push(`${invalid} invalid indexes`);
  if (locks !== 0) complaints.push(`${locks} locks left`);
  if (lost.length > 0) complaints.push(`lost: ${lost.slice(0, 5).join(', ')}`);
  if (doubled.length > 0) complaints.push(`twice: ${JSON.stringify(doubled.slice(0, 5))}`);
  if (incomplete.length > 0) complaints.push(`histories: ${JSON.stringify(incomplete.slice(0, 5))}`);
  failed = complaints.length > 0;
  console.log(
    `soak of ${seconds} s, seed ${seed}: ${tenantCount} tenants, ${files.public} public and ${files.tenant} tenant files (${files.indexes.length} non-transactional)`,
  );
  for (const [what, n] of Object.entries(tally).sort()) console.log(`  ${String(n).padStart(5)}  ${what}`);
  console.log(
    `  ${lost.length} lost, ${doubled.length} twice, ${locks} locks left, ${invalid} invalid indexes, ${complaints.filter((c) => c.startsWith('uncaught')).length} uncaught exceptions, of ${expected.length} executions and ${indexes} indexes`,
  );
  for (const complaint of complaints) console.log(`  FAILED: ${complaint}`);
} finally {
  for (const child of running) child.kill('SIGKILL');
  pooler?.process?.kill('SIGKILL');
  for (const socket of cuttable) socket.destroy();
  cutter.close();
  await server.stop();
  for (const path of [dir, cluster.dir]) rmSync(path, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
