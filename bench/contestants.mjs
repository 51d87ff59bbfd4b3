// Who runs: the limit, sqlmig, and tools that are used for the same job, each in its best practical configuration.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limitScripts } from './workload.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..');
const rival = (name) => ({
  name,
  command: ({ url, dir, list, k }) => [
    process.execPath,
    [join(here, `rivals/${name}.mjs`), url, dir, list, String(k)],
  ],
});
const script = (name) => ({
  name: `${name} x K`,
  slow: true,
  command: ({ url, dir, list, k }) => [join(here, `rivals/${name}.sh`), [url, dir, list, String(k)]],
});
const limit = (name, whole) => ({
  name,
  isLimit: true,
  command: ({ url, dir, tenants, k, from, to }) => [
    join(here, 'limit.sh'),
    [url, ...limitScripts(dir, tenants, k, from, to, whole)],
  ],
});

/** sqlmig as a whole process; `flags` beside `up --all`. */
export const sqlmig = (name = 'sqlmig', flags = []) => ({
  name,
  command: ({ url, dir, k }) => [
    process.execPath,
    [join(root, 'dist/cli.js'), 'up', '--all', '--quiet', '--url', url, '--concurrency', String(k), ...flags],
    join(dir, 'sqlmig'),
  ],
});

/** `sqlmig verify` with a flag that compares structures. */
export const verifying = (flag) => ({
  name: `verify ${flag}`,
  command: ({ url, dir }) => [
    process.execPath,
    [join(root, 'dist/cli.js'), 'verify', flag, '--quiet', '--url', url],
    join(dir, 'sqlmig'),
  ],
});

export const limits = [limit('limit: transaction a file', false), limit('limit: transaction a tenant', true)];
export const rivals = [
  ...['umzug', 'postgrator', 'node-pg-migrate', 'knex', 'drizzle'].map(rival),
  script('psql'),
  script('dbmate'),
];
