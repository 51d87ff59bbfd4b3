/** The rest of the page's program: numbers, versions, findings, durations and runs, and what the grid shows. */
export const pageScript = String.raw`
const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const grid = createGrid($('grid'), $('about'));
const shared = createGrid($('public-grid'), $('public-about'));
const filter = { text: '', kind: 'all', version: null, grouped: false, sort: 'attention' };
let part;

const groupOf = (of, i) => of.groups[of.group[i]];
const isBad = (of, i) => groupOf(of, i)[3].length > 0;
const isBehind = (of, i) => groupOf(of, i)[2] > 0;

function prepare(of, id, title, noun, { findings, lastRun }) {
  of.durations = readTimes(of);
  of.findings = findings;
  of.id = id;
  of.title = title;
  of.noun = noun;
  of.left = new Map();
  for (const [why, list] of Object.entries(lastRun)) for (const i of list) of.left.set(i, why);
  of.lower = of.names.map((name) => name.toLowerCase());
}

function load(next) {
  part = next;
  if (!part.tenants.durations) {
    prepare(part.tenants, 'tenants', 'Tenants by migrations', 'tenant', part);
    prepare(part.public, 'public', 'The public schema by migrations', 'schema', { findings: part.findings, lastRun: {} });
  }
  filter.version = null;
  $('place').textContent = 'database ' + part.database + ' on ' + part.host + ', read ' + data.at.replace('T', ' ').replace('Z', ' UTC');
  tiles();
  versions();
  findings();
  runs();
  shared.show(part.public, part.public.names.map((_, tenant) => ({ tenant, group: part.public.group[tenant] })));
  $('unknown').hidden = part.tenantsUnknown === null;
  $('unknown').textContent = part.tenantsUnknown === null ? '' : 'The tenants are not known until public is migrated: ' + part.tenantsUnknown;
  apply();
  $('times-body').replaceChildren();
  if ($('times').open) durations();
}

function tiles() {
  const { tenants } = part;
  let [behind, bad] = [0, 0];
  for (let i = 0; i < tenants.names.length; i++) {
    if (isBehind(tenants, i)) behind++;
    if (isBad(tenants, i)) bad++;
  }
  const [last] = part.runs;
  const list = [
    ['tenants', tenants.names.length], ['with pending migrations', behind, behind > 0], ['with findings', bad, bad > 0],
    ['migrations for tenants', tenants.columns.filter((column) => column[2]).length],
    ['last run', last === undefined ? 'none' : last.state, last !== undefined && (last.state === 'failed' || last.state === 'unfinished')],
  ];
  $('tiles').replaceChildren(...list.map(([what, value, warns]) => {
    const tile = el('li', warns ? 'bad' : '');
    tile.append(el('b', '', typeof value === 'number' ? value.toLocaleString('en') : value), el('span', '', what));
    return tile;
  }));
}

const shades = ['#3f7fb5', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#8a6fc2', '#9a8f2f'];

function versions() {
  const { tenants } = part;
  const counts = new Map();
  for (const group of tenants.group) counts.set(tenants.groups[group][1], (counts.get(tenants.groups[group][1]) || 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const shown = sorted.slice(0, 12);
  const others = sorted.slice(12).reduce((sum, entry) => sum + entry[1], 0);
  $('bar').replaceChildren(...shown.map(([version, n], i) => {
    const piece = el('i');
    piece.style.flexGrow = String(n);
    piece.style.background = i < shades.length ? shades[i] : 'var(--b)';
    piece.title = version + ': ' + count(n, 'tenant');
    return piece;
  }));
  $('keys').replaceChildren(...shown.map(([version, n], i) => {
    const item = el('li');
    const button = el('button');
    const color = el('i');
    color.style.background = i < shades.length ? shades[i] : 'var(--b)';
    button.type = 'button';
    button.setAttribute('aria-pressed', 'false');
    button.append(color, el('span', '', version), el('span', 'soft', count(n, 'tenant')));
    button.addEventListener('click', () => {
      filter.version = filter.version === version ? null : version;
      for (const other of $('keys').querySelectorAll('button')) other.setAttribute('aria-pressed', String(other === button && filter.version !== null));
      apply();
    });
    item.append(button);
    return item;
  }));
  if (others > 0) $('keys').append(el('li', 'soft', 'and ' + count(others, 'tenant') + ' at ' + count(sorted.length - 12, 'other version')));
  $('versions').hidden = sorted.length === 0;
}

function apply() {
  const { tenants } = part;
  const wanted = filter.text.toLowerCase();
  let list = [];
  for (let i = 0; i < tenants.names.length; i++) {
    if (wanted !== '' && !tenants.lower[i].includes(wanted)) continue;
    if (filter.kind === 'pending' && !isBehind(tenants, i)) continue;
    if (filter.kind === 'findings' && !isBad(tenants, i)) continue;
    if (filter.kind === 'left' && !tenants.left.has(i)) continue;
    if (filter.version !== null && groupOf(tenants, i)[1] !== filter.version) continue;
    list.push({ tenant: i, group: tenants.group[i] });
  }
  const found = list.length;
  if (filter.grouped) {
    const counts = new Map();
    for (const { group } of list) counts.set(group, (counts.get(group) || 0) + 1);
    list = [...counts].sort((a, b) => b[1] - a[1]).map(([group, n]) => ({ group, count: n }));
  } else if (filter.sort === 'attention') {
    const rank = (row) => (tenants.groups[row.group][3].length > 0 ? 0 : tenants.left.has(row.tenant) ? 1 : tenants.groups[row.group][2] > 0 ? 2 : 3);
    for (const row of list) row.rank = rank(row);
    list.sort((a, b) => a.rank - b.rank || a.tenant - b.tenant);
  } else if (filter.sort === 'time') {
    const width = tenants.columns.length;
    for (const row of list) {
      row.total = 0;
      for (let c = 0; c < width; c++) row.total += Math.max(0, tenants.durations[row.tenant * width + c]);
    }
    list.sort((a, b) => b.total - a.total || a.tenant - b.tenant);
  }
  $('found').textContent = found === tenants.names.length ? count(found, 'tenant') : found.toLocaleString('en') + ' of ' + count(tenants.names.length, 'tenant');
  $('nothing').hidden = found > 0;
  $('nothing').textContent = tenants.names.length === 0 ? 'There are no tenants.' : 'No tenant matches.';
  $('grid').hidden = found === 0;
  $('about').hidden = found === 0;
  if (found > 0) grid.show(tenants, list);
}

const cell = (text, className) => el('td', className || '', text);
function fill(body, rows) {
  body.replaceChildren(...rows.map((cells) => {
    const row = el('tr');
    row.append(...cells);
    return row;
  }));
}

function findings() {
  $('findings').hidden = part.findings.length === 0;
  fill($('findings-body'), part.findings.map(([kind, scope, message, n, names]) => [
    cell(kind, 'mono'), cell(message, 'wrap'), cell(scope === 'public' ? 'public' : n.toLocaleString('en'), 'num'),
    cell(names.join(', ') + (n > names.length ? ' and ' + (n - names.length).toLocaleString('en') + ' more' : ''), 'wrap'),
  ]));
}

function durations() {
  const rows = [];
  for (const of of [part.public, part.tenants]) {
    const width = of.columns.length;
    of.columns.forEach((column, c) => {
      const found = [];
      let slowest = -1;
      for (let i = 0; i < of.names.length; i++) {
        const time = of.durations[i * width + c];
        if (time < 0) continue;
        found.push(time);
        if (slowest < 0 || time > of.durations[slowest * width + c]) slowest = i;
      }
      if (found.length === 0) return;
      found.sort((a, b) => a - b);
      const at = (share) => found[Math.min(found.length - 1, Math.floor(found.length * share))];
      rows.push([of.id === 'public' ? 'public' : 'tenants', label(column), found.length, at(0.5), at(0.95), found[found.length - 1], of.names[slowest], found.reduce((sum, n) => sum + n, 0)]);
    });
  }
  rows.sort((a, b) => b[7] - a[7]);
  fill($('times-body'), rows.map(([scope, name, n, median, most, max, who, total]) => [
    cell(scope), cell(name, 'wrap'), cell(n.toLocaleString('en'), 'num'), cell(ms(median), 'num'), cell(ms(most), 'num'),
    cell(ms(max), 'num'), cell(who, 'wrap'), cell(ms(total), 'num'),
  ]));
}

function runs() {
  $('no-runs').hidden = part.runs.length > 0;
  $('runs-table').hidden = part.runs.length === 0;
  fill($('runs-body'), part.runs.map((run) => {
    const { outcome } = run;
    const state = el('td');
    state.append(el('span', 'tag ' + run.state, run.state));
    const left = outcome === null ? '' : outcome.errors.map((error) => (error.count > 0 ? count(error.count, 'schema') + ': ' : '') + error.code + ': ' + error.message).join('\n');
    const errors = cell(left, 'wrap');
    errors.style.whiteSpace = 'pre-line';
    return [
      cell(run.startedAt.replace('T', ' ').replace('Z', ''), 'num'), cell(run.command, 'mono'), state,
      cell(outcome === null ? '' : ms(outcome.durationMs), 'num'), cell(outcome === null ? '' : String(outcome.changed), 'num'),
      cell(outcome === null ? '' : String(outcome.failed), 'num'), cell(outcome === null ? '' : String(outcome.skipped), 'num'),
      errors, cell(run.appliedBy, 'wrap'), cell(run.runId, 'mono'),
    ];
  }));
}

$('search').addEventListener('input', (event) => { filter.text = event.target.value; apply(); });
$('kind').addEventListener('change', (event) => { filter.kind = event.target.value; apply(); });
$('sort').addEventListener('change', (event) => { filter.sort = event.target.value; apply(); });
$('grouped').addEventListener('change', (event) => { filter.grouped = event.target.checked; apply(); });
$('times').addEventListener('toggle', () => { if ($('times').open && $('times-body').childElementCount === 0) durations(); });
$('legend').replaceChildren(...Object.entries(STATES).map(([state, [what, sign]]) => {
  const item = el('li');
  item.append(el('span', cellClass(state), sign), el('span', '', what));
  return item;
}));
// On paper nothing scrolls, so a large fleet is printed as groups.
const printing = (on) => {
  if (part.tenants.names.length > 200) { filter.grouped = on || $('grouped').checked; apply(); }
  grid.print(on);
  shared.print(on);
};
addEventListener('beforeprint', () => printing(true));
addEventListener('afterprint', () => printing(false));
$('database').hidden = data.parts.length === 1;
for (const [i, one] of data.parts.entries()) {
  const option = el('option', '', one.database);
  option.value = String(i);
  $('database').append(option);
}
$('database').addEventListener('change', (event) => load(data.parts[Number(event.target.value)]));
$('unread').hidden = data.unread.length === 0;
$('unread').textContent = data.unread.join('\n');
load(data.parts[0]);
document.documentElement.dataset.ready = 'yes';
`;
