import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { definitionSettings } from '../structure/read-shapes.ts';
import { fullName, type Shape, type ShapeObject } from '../structure/shape.ts';

/** A time, as values of both types of timestamps as they are read; that with a time zone without its zone, UTC. */
export interface Moment {
  readonly 'timestamp with time zone': string;
  readonly 'timestamp without time zone': string;
}

/** The rows of a table, in the order in which they were written. */
export interface TableRows {
  readonly table: string;
  /** The columns that are not generated. */
  readonly columns: readonly ShapeObject[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** The rows and the counters of a tenant. */
export interface TenantRows {
  readonly tables: readonly TableRows[];
  /** The state of each sequence, such as `5 true`. */
  readonly sequences: ReadonlyMap<string, string>;
  /** What the default of a column gives now, by the full name of the column; absent if it is a constant or a counter. */
  readonly defaults: ReadonlyMap<string, string | null>;
  /** The present date, in the time zones of the session and of UTC. */
  readonly today: ReadonlySet<string>;
  /** The rows of each materialized view, as one text; `null` if it was never filled. */
  readonly materialized: ReadonlyMap<string, string | null>;
}

/** A table with more rows is refused: a snapshot has to be read by people, and is sent in one message. */
export const mostRows = 20_000;

/** Reads the present time. */
export async function readMoment(session: Session): Promise<Moment> {
  const [row] = await session.read(
    `select (now() at time zone 'UTC')::text as utc, localtimestamp::text as local`,
  );
  return {
    'timestamp with time zone': String(row?.utc),
    'timestamp without time zone': String(row?.local),
  };
}

/** Reads the rows of a tenant whose structure is known. Returns the table that has too many instead. */
export async function readRows(
  session: Session,
  schema: string,
  shape: Shape,
): Promise<TenantRows | { readonly tooMany: string }> {
  const begin = `START TRANSACTION READ ONLY;\n${definitionSettings}SET LOCAL search_path = ${quoteIdentifier(schema)};\n`;
  const read = async (query: string) => session.run(`${begin}${query};\nCOMMIT;`);
  const tables: TableRows[] = [];
  for (const { name, attributes } of ofKind(shape, 'table')) {
    const columns = columnsOf(shape, name, attributes['column order'] ?? '');
    const list = columns.map((column) => `${column.name}::text`).join(', ');
    const found = await read(
      `select json_build_array(${list})::text as cells from only ${name} order by ctid limit ${mostRows + 1}`,
    );
    if (found.length > mostRows) return { tooMany: name };
    const rows = found.map(({ cells }) => JSON.parse(String(cells)) as (string | null)[]);
    tables.push({ table: name, columns, rows });
  }
  const sequences = new Map<string, string>();
  for (const { name } of ofKind(shape, 'sequence')) {
    const [row] = await read(`select last_value || ' ' || is_called as state from ${name}`);
    sequences.set(name, String(row?.state));
  }
  const materialized = new Map<string, string | null>();
  for (const { name } of ofKind(shape, 'materialized view')) {
    const [view] = await read(
      `select relispopulated as filled from pg_class where oid = ${quoteLiteral(name)}::regclass`,
    );
    const query = `select string_agg(v::text, e'\\n' order by v::text collate "C") as rows from ${name} v`;
    const [row] = view?.filled === true ? await read(query) : [];
    materialized.set(name, view?.filled === true ? String(row?.rows ?? '') : null);
  }
  const dates = await session.read(
    `select current_date::text as today union select (now() at time zone 'UTC')::date::text`,
  );
  const today = new Set(dates.map((row) => String(row.today)));
  return { tables, sequences, materialized, today, defaults: await readDefaults(read, tables) };
}

async function readDefaults(
  read: (query: string) => Promise<readonly Readonly<Record<string, unknown>>[]>,
  tables: readonly TableRows[],
): Promise<Map<string, string | null>> {
  const defaults = new Map<string, string | null>();
  for (const column of tables.flatMap(({ rows, columns }) => (rows.length === 0 ? [] : columns))) {
    const { default: value, type } = column.attributes;
    if (value === undefined || isConstant(value) || isCounter(value)) continue;
    try {
      const [row] = await read(`select (${value})::${type}::text as value`);
      defaults.set(fullName(column), (row?.value ?? null) as string | null);
    } catch (error) {
      // Its function writes, or refuses to be called here.
      if (!isServerError(error)) throw error;
    }
  }
  return defaults;
}

function ofKind(shape: Shape, kind: string): ShapeObject[] {
  return shape.filter((object) => object.kind === kind).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function columnsOf(shape: Shape, table: string, order: string): ShapeObject[] {
  const places = order.split(', ');
  return shape
    .filter(({ of, kind, attributes }) => of === table && kind === 'column' && !('generated' in attributes))
    .sort((a, b) => places.indexOf(a.name) - places.indexOf(b.name));
}

/** A string or a number, with a cast or without. */
export function isConstant(value: string): boolean {
  return /^(?:E?'(?:[^']|'')*'|-?[\d.]+|true|false|null)(?:::[\w\s."[\]()]+)?$/i.test(value.trim());
}

/** The default takes the next number of a sequence. */
export function isCounter(value: string): boolean {
  return /\bnextval\(/i.test(value);
}
