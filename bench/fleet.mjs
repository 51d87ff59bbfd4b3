// How long `up --all` takes as a whole process: fresh, again with nothing to do, and with one new file.
//   node bench/fleet.mjs [tenants] [files]      needs `npm run build` first; medians of five for the last two
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attachEmbedded } from '../dist/embedded/attach.js';

const tenants = Number(process.argv[2] ?? 100);
const files = Number(process.argv[3] ?? 100);
const root = fileURLToPath(new URL('..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'sqlmig-bench-'));
chmodSync(dir, 0o755);

/** Ten kinds of change in rotation, so that catalogues, indexes and rows all take part. */
function file(n) {
  const t = `t${Math.ceil(n / 5)}`;
  const kinds = [
    `create table ${t} (id bigint generated always as identity primary key, name text not null, at timestamptz default now());`,
    `alter table ${t} add column note text, add column amount numeric(12, 2) not null default 0;`,
    `create index on ${t} (name); create index on ${t} (at) where note is null;`,
    `insert into ${t} (name) select 'n' || i from generate_series(1, 20) i; update ${t} set amount = id;`,
    `create view v_${n} as select id, name from ${t} where amount > 0;`,
  ];
  return kinds[(n - 1) % kinds.length];
}

function write(n) {
  writeFileSync(join(dir, `sql/tenant/${String(n).padStart(5, '0')}_change.sql`), file(n));
}

const server = await attachEmbedded(dir, { fsync: 'off', max_connections: '100' }, root);
try {
  for (const folder of ['sql/public', 'sql/tenant']) mkdirSync(join(dir, folder), { recursive: true });
  const list = Array.from({ length: tenants }, (_, i) => `tenant_${i + 1}`);
  writeFileSync(join(dir, 'sqlmig.config.json'), JSON.stringify({ url: server.url, tenants: { list } }));
  for (let n = 1; n <= files; n++) write(n);
  const run = () => {
    const started = performance.now();
    execFileSync(process.execPath, [join(root, 'dist/cli.js'), 'up', '--all', '--quiet'], {
      cwd: dir,
      stdio: 'ignore',
    });
    return performance.now() - started;
  };
  const median = (measure) => Array.from({ length: 5 }, measure).sort((a, b) => a - b)[2];
  const bare = median(() => {
    const started = performance.now();
    execFileSync(process.execPath, ['-e', '0']);
    return performance.now() - started;
  });
  const fresh = run();
  const again = median(run);
  let next = files;
  const one = median(() => {
    write(++next);
    return run();
  });
  const row = (what, ms) => console.log(`${what.padEnd(28)} ${ms.toFixed(0).padStart(8)} ms`);
  row('bare node', bare);
  row(`fresh, ${tenants} x ${files}`, fresh);
  row('  per migration', fresh / tenants / files);
  row(`nothing to do, ${tenants} tenants`, again);
  row('one new file each', one);
} finally {
  await server.release();
  rmSync(server.dir, { recursive: true, force: true });
  rmSync(dir, { recursive: true, force: true });
}
