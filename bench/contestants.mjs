// Who runs: the limit, sqlmig, and tools that are used for the same job, each in its best practical configuration.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limitScripts } from './workload.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const program = join(here, '../dist/cli.js');

const rival = ([name, file = name]) => ({
  name,
  command: ({ url, dir, list, k }) => [
    process.execPath,
    [join(here, `rivals/${file}.mjs`), url, dir, list, String(k)],
  ],
});
const script = (name) => ({
  name: `${name}, one process per tenant`,
  slow: true,
  command: ({ url, dir, list, k }) => [join(here, `rivals/${name}.sh`), [url, dir, list, String(k)]],
});

/** psql running scripts prepared in advance, one a connection. */
export const limit = (name, scripts) => ({
  name: `limit: ${name}`,
  isLimit: true,
  command: (turn) => [join(here, 'limit.sh'), [turn.url, ...scripts(turn)]],
});

/** A command of sqlmig as a whole process; `folder` is that of its config below the project, `node` the program that runs it. */
export const sqlmig = (args, { name = 'sqlmig', folder = 'sqlmig', node = process.execPath } = {}) => ({
  name,
  command: (turn) => [
    node,
    [program, ...(typeof args === 'function' ? args(turn) : args), '--quiet', '--url', turn.url],
    join(turn.dir, folder),
  ],
});

/** `sqlmig up --all` with more flags. */
export const up = (flags = [], options = {}) =>
  sqlmig(({ k }) => ['up', '--all', '--concurrency', String(k), ...flags], options);

/** With the digests of histories in the catalog. */
export const skippingUnchanged = up(['--skip-unchanged'], { name: 'sqlmig --skip-unchanged' });

export const limits = [
  limit('one transaction per file', limitScripts(false)),
  limit('one transaction per tenant', limitScripts(true)),
];
export const rivals = [
  ...[['umzug'], ['postgrator'], ['node-pg-migrate'], ['Knex', 'knex'], ['Drizzle', 'drizzle']].map(rival),
  script('psql'),
  script('dbmate'),
];

/** Node that does nothing. */
export const bareNode = (node = process.execPath) => ({
  name: 'node -e 0',
  command: () => [node, ['-e', '0']],
});
