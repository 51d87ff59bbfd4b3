import { quoteLiteral } from '../sql/quote.ts';
import { bareName } from '../structure/makers.ts';
import { fullName, type ShapeObject } from '../structure/shape.ts';
import { isConstant, isCounter, type Moment, type TableRows, type TenantRows } from './rows.ts';
import { isChanging } from './unstable.ts';
import type { IsWritten } from './written-columns.ts';

/** Two tenants that were built alike: their names, and their rows. */
export interface Twins {
  readonly names: readonly [string, string];
  readonly rows: readonly [TenantRows, TenantRows];
  /** Before either was built. */
  readonly since: Moment;
  /** After both were built. */
  readonly until: Moment;
  /** Columns to which the files give values. */
  readonly isWritten: IsWritten;
}

/** The statements that insert the rows of one table. */
export interface Seed {
  readonly table: string;
  readonly sql: string;
  /** The addresses of the columns that get their default. */
  readonly defaults: readonly string[];
}

/** The rows as SQL, with the name of the first tenant, or why they cannot be written. */
export function seedsOf({
  names,
  rows: [rows, others],
  ...rest
}: Twins): readonly Seed[] | { readonly why: string } {
  const seeds: Seed[] = [];
  for (const [i, { table, columns, rows: list }] of rows.tables.entries()) {
    const twin = others.tables[i];
    if (twin?.rows.length !== list.length) return { why: `two new tenants differ in the rows of ${table}` };
    if (list.length === 0) continue;
    const cells = { names, ...rest, defaults: rows.defaults, today: rows.today };
    const lines: string[][] = [];
    const defaults = new Set<string>();
    for (const [r, row] of list.entries()) {
      const line: string[] = [];
      for (const [c, column] of columns.entries()) {
        const sql = cellOf(column, [row[c] ?? null, twin.rows[r]?.[c] ?? null], cells);
        if (typeof sql !== 'string') return { why: `${fullName(column)} ${sql.why}` };
        if (sql === 'default' && column.address !== undefined) defaults.add(column.address);
        line.push(sql);
      }
      lines.push(line);
    }
    seeds.push({ table, sql: insertSql({ table, columns }, lines), defaults: [...defaults] });
  }
  return seeds;
}

function insertSql({ table, columns }: Omit<TableRows, 'rows'>, lines: readonly string[][]): string {
  if (columns.length === 0) return lines.map(() => `insert into ${table} default values`).join(';\n');
  const names = columns.map(({ name }) => name).join(', ');
  const overriding = columns.some(({ attributes }) => attributes.identity === 'always')
    ? ' overriding system value'
    : '';
  const values = lines.map((line) => `  (${line.join(', ')})`).join(',\n');
  return `insert into ${table} (${names})${overriding} values\n${values}`;
}

interface Cells extends Pick<TenantRows, 'defaults' | 'today'>, Omit<Twins, 'rows'> {}

function cellOf(
  column: ShapeObject,
  [value, other]: readonly [string | null, string | null],
  { names, defaults, today, since, until, isWritten }: Cells,
): string | { readonly why: string } {
  const { default: expression = '' } = column.attributes;
  const key = fullName(column);
  const isLeft = () =>
    expression !== '' &&
    !isCounter(expression) &&
    !isWritten(bareName(column.of ?? ''), bareName(column.name));
  const isAlike = withoutName(value, names[0]) === withoutName(other, names[1]);
  if (!isAlike) {
    if (isLeft() && !isConstant(expression)) return 'default';
    const type = column.attributes.type as keyof Moment;
    const isNow = (time: string | null) =>
      time !== null && type in since && time >= since[type] && time <= until[type];
    if (isNow(value) && isNow(other)) return isTimeOf(expression, type) ? 'default' : currentTime[type];
    return { why: 'differs in each new tenant, and has no default that explains it' };
  }
  // The next tenant gets a new value of the default, such as the current date.
  if (defaults.has(key) && defaults.get(key) === value) {
    if (isLeft() || !isChanging(expression)) return 'default';
    return { why: 'has a value that its default gives, too, but only now' };
  }
  if (value === null) return 'null';
  if (column.attributes.type === 'date' && today.has(value)) return { why: "contains today's date" };
  return literal(value, column, names[0]);
}

// Of the transaction, as for a file that writes it.
const currentTime: Moment = {
  'timestamp with time zone': 'now()',
  'timestamp without time zone': 'localtimestamp',
};

/** The default gives the time of the transaction itself. */
function isTimeOf(expression: string, type: keyof Moment): boolean {
  const now = type === 'timestamp with time zone' ? /^(?:now\(\)|current_timestamp)$/i : /^localtimestamp$/i;
  return now.test(expression);
}

function withoutName(value: string | null, name: string): string | null {
  return value?.replaceAll(name, '\0') ?? null;
}

const texts: ReadonlySet<string> = new Set(['text', 'character varying']);

/** A value as SQL. The tenant's name within it becomes a string of its own, for which `withPlaceholders` has a form. */
function literal(value: string, { attributes: { type = '' } }: ShapeObject, name: string): string {
  const isJoined = value !== name && value.includes(name) && texts.has(type.replace(/\(.*/, ''));
  if (!isJoined) return quoteLiteral(value).trimStart();
  const parts = value
    .split(name)
    .flatMap((part, i) => [
      ...(i === 0 ? [] : [quoteLiteral(name)]),
      ...(part === '' ? [] : [quoteLiteral(part).trimStart()]),
    ]);
  return parts.join(' || ');
}

/** SQL that sets the sequences that are not in their first state. */
export function countersOf(rows: TenantRows, starts: ReadonlyMap<string, string>): string[] {
  return [...rows.sequences]
    .filter(([name, state]) => state !== `${starts.get(name)} false`)
    .map(([name, state]) => {
      const [value, called] = state.split(' ');
      return `select pg_catalog.setval(${quoteLiteral(name)}, ${value}, ${called})`;
    });
}
