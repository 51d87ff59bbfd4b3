/**
 * The part of the page's program that draws a grid of schemas by migrations. Only the rows and columns that are in view
 * have elements. Text from the database becomes text nodes, never markup.
 */
export const gridScript = `
const SIZE = { row: 24, column: 20 };
const MOST_ROWS = 200;
const STATES = {
  a: ['applied', ''], p: ['pending', ''], o: ['pending, out of order', '!'], i: ['incomplete', '…'],
  c: ['applied, file edited since', '≠'], m: ['applied, file missing', '∅'], r: ['applied, file renamed since', '↷'],
  n: ['applied by a newer release', '+'], b: ['replaced by a baseline', '·'], u: ['unknown', '?'],
};
const el = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const cellClass = (state) => 'c ' + (state === 'c' ? 'c-c' : state);
const label = (column) => (column[0] === null ? 'R__' : column[0] + '_') + column[1];
const ms = (n) => (n < 1000 ? n + ' ms' : n < 60000 ? (n / 1000).toFixed(1) + ' s' : (n / 60000).toFixed(1) + ' min');
const count = (n, one, many) => n.toLocaleString('en') + ' ' + (n === 1 ? one : many || one + 's');

/** Durations as a table of numbers, one per schema and migration; -1 where there is none. */
function readTimes(grid) {
  const width = grid.columns.length;
  const times = new Int32Array(grid.names.length * width).fill(-1);
  const bytes = Uint8Array.from(atob(grid.times), (char) => char.charCodeAt(0));
  let at = 0;
  const next = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  for (let i = 0; i < grid.names.length; i++) {
    let left = next();
    const cells = grid.groups[grid.group[i]][0];
    for (let c = 0; c < width && left > 0; c++) {
      if ('acmrni'.includes(cells[c])) { times[i * width + c] = next(); left--; }
    }
  }
  return times;
}

function createGrid(root, about) {
  let grid, rows, nameWidth, range;
  const active = { row: -1, column: -1 };
  let headHeight;
  const drawn = new Map();
  const view = el('div', 'view');
  const space = el('div', 'space');
  const head = el('div', 'head');
  const corner = el('div', 'corner');
  view.tabIndex = 0;
  view.setAttribute('role', 'grid');
  head.setAttribute('role', 'row');
  head.setAttribute('aria-rowindex', '1');
  corner.setAttribute('role', 'columnheader');
  space.append(head);
  view.append(space);
  root.append(view);

  const group = (row) => grid.groups[row.group];
  const textOf = (row, c) => {
    const [cells, version, pending, findings] = group(row);
    const parts = [row.count === undefined ? grid.names[row.tenant] : count(row.count, grid.noun)];
    const time = row.count === undefined && c >= 0 ? grid.durations[row.tenant * grid.columns.length + c] : -1;
    if (c >= 0) parts.push(label(grid.columns[c]) + ': ' + (STATES[cells[c]] || ['not for this schema'])[0] + (time >= 0 ? ' in ' + ms(time) : ''));
    parts.push(version + (pending > 0 ? ', ' + pending + ' pending' : ''));
    if (row.count === undefined && grid.last[row.tenant] > 0)
      parts.push('last change ' + new Date(grid.last[row.tenant] * 1000).toISOString().replace('T', ' ').slice(0, 16) + ' UTC');
    if (row.count === undefined && grid.left.has(row.tenant)) parts.push(grid.left.get(row.tenant) + ' in the last run');
    for (const finding of findings) parts.push(grid.findings[finding][0] + ': ' + grid.findings[finding][2]);
    return parts.join(' · ');
  };
  const columnsInView = () => {
    const first = Math.max(0, Math.floor(view.scrollLeft / SIZE.column) - 4);
    return [first, Math.min(grid.columns.length, first + Math.ceil(view.clientWidth / SIZE.column) + 8)];
  };
  const place = (c) => nameWidth + 4 + c * SIZE.column + 'px';
  const drawHead = ([from, to]) => {
    head.replaceChildren(corner);
    for (let c = from; c < to; c++) {
      const column = el('div', 'col', grid.columns[c][0] === null ? grid.columns[c][1] : grid.columns[c][0]);
      column.setAttribute('role', 'columnheader');
      column.setAttribute('aria-colindex', String(c + 2));
      column.title = label(grid.columns[c]);
      column.style.left = place(c);
      head.append(column);
    }
  };
  const drawRow = (at, [from, to]) => {
    const row = rows[at];
    const [cells, version, pending, findings] = group(row);
    const line = el('div', 'row');
    line.setAttribute('role', 'row');
    line.setAttribute('aria-rowindex', String(at + 2));
    line.style.top = headHeight + at * SIZE.row + 'px';
    const name = el('div', 'name' + (findings.length > 0 ? ' bad' : ''));
    name.setAttribute('role', 'rowheader');
    name.style.width = nameWidth + 'px';
    name.append(el('span', '', row.count === undefined ? grid.names[row.tenant] : count(row.count, grid.noun)));
    name.append(el('em', '', findings.length > 0 ? grid.findings[findings[0]][0] : pending > 0 ? pending + ' pending' : version));
    name.title = textOf(row, -1);
    line.append(name);
    for (let c = from; c < to; c++) {
      if (cells[c] === ' ') continue;
      const cell = el('div', cellClass(cells[c]), STATES[cells[c]][1]);
      cell.setAttribute('role', 'gridcell');
      cell.setAttribute('aria-colindex', String(c + 2));
      cell.setAttribute('aria-label', STATES[cells[c]][0]);
      cell.style.left = place(c);
      if (at === active.row && c === active.column) { cell.classList.add('on'); cell.id = grid.id + '-active'; }
      line.append(cell);
    }
    return line;
  };
  const draw = (all) => {
    const top = all ? 0 : view.scrollTop;
    const from = Math.max(0, Math.floor(top / SIZE.row) - 8);
    const to = Math.min(rows.length, from + MOST_ROWS, all ? MOST_ROWS : Math.ceil((top + view.clientHeight) / SIZE.row) + 8);
    const columns = all ? [0, grid.columns.length] : columnsInView();
    if (!range || range[0] !== columns[0] || range[1] !== columns[1]) {
      range = columns;
      for (const line of drawn.values()) line.remove();
      drawn.clear();
      drawHead(columns);
    }
    for (const [at, line] of drawn) if (at < from || at >= to) { line.remove(); drawn.delete(at); }
    const fresh = document.createDocumentFragment();
    for (let at = from; at < to; at++) {
      if (drawn.has(at)) continue;
      const line = drawRow(at, columns);
      drawn.set(at, line);
      fresh.append(line);
    }
    space.append(fresh);
  };
  const redraw = (all) => {
    range = undefined;
    draw(all);
  };
  let waiting = false;
  view.addEventListener('scroll', () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  });
  const show = () => {
    about.textContent = active.row < 0 ? 'Choose a cell, or move with the arrow keys, to see more here.' : textOf(rows[active.row], active.column);
    about.classList.toggle('soft', active.row < 0);
    if (active.row < 0) view.removeAttribute('aria-activedescendant');
    else view.setAttribute('aria-activedescendant', grid.id + '-active');
  };
  const move = (row, column) => {
    active.row = Math.max(0, Math.min(rows.length - 1, row));
    active.column = Math.max(0, Math.min(grid.columns.length - 1, column));
    const y = active.row * SIZE.row;
    const x = active.column * SIZE.column;
    if (y < view.scrollTop) view.scrollTop = y;
    if (y + SIZE.row + headHeight > view.scrollTop + view.clientHeight) view.scrollTop = y + SIZE.row + headHeight - view.clientHeight + 12;
    if (x < view.scrollLeft) view.scrollLeft = x;
    if (x + SIZE.column + nameWidth > view.scrollLeft + view.clientWidth) view.scrollLeft = x + SIZE.column + nameWidth - view.clientWidth + 12;
    redraw();
    show();
  };
  view.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor((view.clientHeight - headHeight) / SIZE.row) - 1);
    const to = {
      ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1], PageDown: [page, 0], PageUp: [-page, 0],
      Home: event.ctrlKey ? [-rows.length, 0] : [0, -grid.columns.length], End: event.ctrlKey ? [rows.length, 0] : [0, grid.columns.length],
    }[event.key];
    if (!to || rows.length === 0) return;
    event.preventDefault();
    move(active.row + to[0], active.column + to[1]);
  });
  view.addEventListener('click', (event) => {
    const box = space.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top - headHeight) / SIZE.row);
    if (row < 0 || row >= rows.length) return;
    move(row, Math.floor((event.clientX - box.left - nameWidth - 4) / SIZE.column));
  });
  addEventListener('resize', () => grid && layout());
  const layout = (all) => {
    nameWidth = view.clientWidth < 620 ? 150 : 270;
    const longest = grid.columns.reduce((most, column) => Math.max(most, (column[0] === null ? column[1] : column[0]).length), 4);
    headHeight = Math.min(130, 16 + Math.ceil(longest * 7.5));
    head.style.height = headHeight + 'px';
    corner.style.width = nameWidth + 'px';
    space.style.width = nameWidth + grid.columns.length * SIZE.column + 12 + 'px';
    head.style.width = space.style.width;
    const shown = all ? Math.min(rows.length, MOST_ROWS) : rows.length;
    space.style.height = headHeight + shown * SIZE.row + 6 + 'px';
    redraw(all);
  };
  return {
    show(next, nextRows) {
      [grid, rows] = [next, nextRows];
      [active.row, active.column] = [-1, -1];
      view.setAttribute('aria-label', grid.title);
      view.setAttribute('aria-rowcount', String(rows.length + 1));
      view.setAttribute('aria-colcount', String(grid.columns.length + 1));
      corner.textContent = grid.noun;
      view.scrollTop = 0;
      layout();
      show();
    },
    print: (on) => grid && layout(on),
  };
}
`;
