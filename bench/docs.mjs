// Writes the measured tables and the picture of the documentation: node bench/docs.mjs RESULT.json ...
// A table stands between <!-- bench: NAME --> and <!-- /bench -->. One that was not measured stays as it is.
// Prints the cells in which another tool is faster.
import { readFileSync, writeFileSync } from 'node:fs';
import { chart } from './chart.mjs';

const reports = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, 'utf8')));
const isDistant = ({ title }) => title.endsWith('more a round trip');
const withoutFlush = reports.filter(({ flushMs }) => flushMs === null).flatMap(({ tables }) => tables);
const inMemory = withoutFlush.filter((table) => !isDistant(table));
const onSlowDisk = reports.filter(({ flushMs }) => flushMs !== null).flatMap(({ tables }) => tables);

const tableOf = (tables, title) => tables.find((table) => table.title.startsWith(title));
const find = (table, name) => table?.rows.find((row) => row.name === name);
const fixed = (value, digits = 0) => (value === undefined ? '' : value.toFixed(digits));
const number = (value) => (value === undefined ? '' : Math.round(value).toLocaleString('en'));
const range = ({ ms, least, most }) => `${fixed(ms)} (${fixed(least)} to ${fixed(most)})`;
const isLimit = ({ name }) => name.startsWith('limit');

/** The limits first, then the fastest. */
const sorted = (rows) => [...rows].sort((a, b) => Number(isLimit(b)) - Number(isLimit(a)) || a.ms - b.ms);

const markdown = (head, lines) =>
  [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

function comparison(tables, title, of, slow) {
  const table = tableOf(tables, title);
  if (table === undefined) return null;
  const slowTable = slow && tableOf(slow, title);
  return markdown(
    ['', 'ms (min to max)', `relative to ${of}`, ...(slow ? ['on a slow disk'] : [])],
    sorted(table.rows).map((row) => [
      ...[row.name, range(row), fixed(row.ratio, 2)],
      ...(slow ? [fixed(find(slowTable, row.name)?.ratio, 2)] : []),
    ]),
  );
}

function scans() {
  const tables = inMemory.filter(({ title }) => title.startsWith('reading '));
  if (tables.length === 0) return null;
  return markdown(
    [
      'tenants',
      'sqlmig, ms',
      'with `--skip-unchanged`, ms',
      'reading all history tables and nothing else, ms',
    ],
    tables.map((table) => [
      number(Number(/\d+/.exec(table.title)[0])),
      ...['sqlmig', 'sqlmig --skip-unchanged', table.base].map((name) => fixed(find(table, name)?.ms)),
    ]),
  );
}

function starts() {
  const tables = inMemory.filter(({ title }) => title.startsWith('start, '));
  if (tables.length === 0) return null;
  const cells = (row) => [fixed(row.ms), fixed(row.client)];
  return markdown(
    ['', 'bare Node, ms', 'CPU, ms', 'sqlmig, ms', 'CPU, ms'],
    tables.map((table) => [table.title.slice('start, '.length), ...table.rows.flatMap(cells)]),
  );
}

/** Tables of few rows, one below the other, with the CPU of both sides. */
function others(titles) {
  const tables = titles.flatMap((title) => inMemory.filter((table) => table.title.startsWith(title)));
  if (tables.length === 0) return null;
  const withMemory = tables.some(({ rows }) => rows.some(({ program }) => program !== undefined));
  return markdown(
    [
      '',
      '',
      'ms (min to max)',
      'CPU, ms',
      "the server's CPU, ms",
      ...(withMemory ? ['MB', 'backend, MB'] : []),
    ],
    tables.flatMap(({ title, rows }) =>
      rows.map((row, i) => [
        ...[i === 0 ? title : '', row.name, range(row), number(row.client), number(row.server)],
        ...(withMemory ? [fixed(row.program), fixed(row.backend)] : []),
      ]),
    ),
  );
}

function latencies() {
  const tables = withoutFlush.filter(isDistant);
  if (tables.length === 0) return null;
  return markdown(
    [
      ...['', 'limit, ms', 'sqlmig, ms', 'with `--skip-unchanged`, ms', 'umzug, ms'],
      ...['umzug relative to sqlmig', 'with `--skip-unchanged`', 'relative to the limit'],
    ],
    tables.map((table) => {
      const limit = table.rows.find(isLimit);
      const names = ['sqlmig', 'sqlmig --skip-unchanged', 'umzug'];
      const [own, skipping, other] = names.map((name) => find(table, name));
      const ratioTo = (row) => (other && row ? fixed(other.ms / row.ms, 2) : '');
      const times = [limit, own, skipping, other].map((row) => (row ? range(row) : ''));
      return [table.title, ...times, ...[own, skipping, limit].map(ratioTo)];
    }),
  );
}

const tables = {
  setup: reports.find(({ flushMs }) => flushMs === null)?.setup ?? null,
  fresh: comparison(inMemory, 'fresh, 100 x', 'the limit', onSlowDisk),
  new: comparison(inMemory, 'one new file, 1000 tenants', 'the limit', onSlowDisk),
  nothing: comparison(inMemory, 'nothing to do, 1000 tenants', 'sqlmig'),
  single: comparison(inMemory, 'fresh, 1 x', 'the limit'),
  flush: comparison(onSlowDisk, 'fresh, 100 x', 'the limit'),
  scan: scans(),
  start: starts(),
  commands: others(['tenant create', 'split', 'public becomes a tenant']),
  structure: others(['verify, ']),
  latency: latencies(),
  distance: others(['fresh, 20 x']),
};

const marked = /(<!-- bench: (\w+) -->\n)[\s\S]*?(<!-- \/bench -->)/g;
for (const page of ['../docs/performance.md', 'README.md']) {
  const path = new URL(page, import.meta.url);
  const text = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    text.replace(marked, (all, before, name, after) => {
      if (!(name in tables)) throw new Error(`${page} has a table "${name}", which is unknown`);
      return tables[name] === null ? all : `${before}${tables[name]}\n${after}`;
    }),
  );
}

const panels = ['fresh, 100 x', 'one new file, 1000 tenants', 'nothing to do, 1000 tenants'].flatMap(
  (title) => tableOf(inMemory, title) ?? [],
);
if (panels.length > 0)
  writeFileSync(
    new URL('../docs/performance.svg', import.meta.url),
    chart(panels.map(({ title, rows }) => ({ title, rows: sorted(rows) }))),
  );

for (const [disk, measured] of Object.entries({ 'in memory': inMemory, 'on a slow disk': onSlowDisk }))
  for (const table of measured.filter(({ title }) => /^(fresh|one new file|nothing to do),/.test(title))) {
    const own = find(table, 'sqlmig');
    const isRival = ({ name }) => !name.startsWith('sqlmig') && !name.startsWith('limit');
    for (const { name, ms } of table.rows.filter((row) => isRival(row) && row.ms < own?.ms))
      console.log(`${table.title}, ${disk}: ${name} ${fixed(ms)} ms, sqlmig ${fixed(own.ms)} ms`);
  }
