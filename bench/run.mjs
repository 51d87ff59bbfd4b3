// npm run bench [-- PART ... [--rounds 5] [--tenants N] [--files M] [--concurrency 4] [--only NAME,NAME] [--json FILE]
//   [--data FOLDER] [--flush-ms 1]]
// All parts run if none is named.
import { statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { create } from './parts/create.mjs';
import { fresh, single } from './parts/fresh.mjs';
import { growth } from './parts/growth.mjs';
import { latency } from './parts/latency.mjs';
import { move } from './parts/move.mjs';
import { oneNew } from './parts/one-new.mjs';
import { scan } from './parts/scan.mjs';
import { split } from './parts/split.mjs';
import { start } from './parts/start.mjs';
import { structure } from './parts/structure.mjs';
import { fileSystemOf } from './processes.mjs';
import { psqlVersion } from './psql.mjs';
import { startServer } from './server.mjs';
import { rows, tableText } from './tables.mjs';

const parts = { start, fresh, new: oneNew, scan, single, create, structure, split, move, latency, growth };

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    tenants: { type: 'string' },
    files: { type: 'string' },
    concurrency: { type: 'string', default: '4' },
    only: { type: 'string' },
    json: { type: 'string' },
    data: { type: 'string' },
    'flush-ms': { type: 'string' },
  },
});
const chosen = positionals.length === 0 ? Object.keys(parts) : positionals;
const unknown = chosen.find((part) => parts[part] === undefined);
if (unknown !== undefined)
  throw new Error(`there is no part "${unknown}"; parts are ${Object.keys(parts).join(', ')}`);
if (flags.data !== undefined && !statSync(flags.data).isDirectory())
  throw new Error(`${flags.data} is not a folder`);

const flushMs = flags['flush-ms'] === undefined ? undefined : Number(flags['flush-ms']);
const server = await startServer({ data: flags.data, flushMs });
const report = { flushMs: flushMs ?? null, tables: [] };

/** What the parts work with. */
const bench = {
  server,
  flushMs,
  rounds: Number(flags.rounds),
  k: Number(flags.concurrency),
  /** Those of a list that `--only` names; all without it. */
  wanted: (list) =>
    list.filter(
      ({ name }) =>
        flags.only?.split(',').some((part) => name.toLowerCase().startsWith(part.toLowerCase())) ?? true,
    ),
  /** The size of a part, which flags override. */
  size: (tenants, files = 0) => ({
    tenants: Number(flags.tenants ?? tenants),
    files: Number(flags.files ?? files),
  }),
  /** The sizes of a part that runs several times. */
  sizes: (list) => (flags.tenants === undefined ? list : [Number(flags.tenants)]),
  /** Prints and keeps a table; ratios are to `base`. */
  tell(title, results, base) {
    const table = rows(results, base);
    report.tables.push({ title, base, rows: table });
    console.log(tableText(title, table, base));
  },
};

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, async () => {
    await server.stop();
    process.exit(1);
  });
try {
  const fileSystem = fileSystemOf(server.dir);
  const disk = `${fileSystem === 'tmpfs' ? 'in memory' : `on ${fileSystem}`}${flushMs === undefined ? '' : `, ${flushMs} ms a flush`}`;
  report.setup = `PostgreSQL ${server.version} with stock settings, data ${disk}, ${availableParallelism()} cores, ${bench.k} connections, Node ${process.versions.node}, psql ${psqlVersion()}, medians`;
  console.log(report.setup);
  for (const part of chosen) await parts[part](bench);
} finally {
  await server.stop();
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(report, null, 2)}\n`);
}
