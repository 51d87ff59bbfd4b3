import { quoteIdentifier } from '../../sql/quote.ts';
import { historyTable } from '../history.ts';

/** A history table of another tool, as the catalog describes it. */
export interface ForeignTable {
  readonly schema: string;
  readonly table: string;
  /** `name type` each. */
  readonly columns: readonly string[];
  /** The other tables of its schema. */
  readonly companions: readonly string[];
}

/** A row of another tool's table: every value as text, `applied_at` as ISO 8601. */
export type ForeignRow = Readonly<Record<string, string | null>>;

/** Which columns of a tool's table are read, and in which order the tool wrote its rows. */
export interface TableForm {
  readonly columns: readonly string[];
  /** The column with the time of applying; `null` if the tool records none. */
  readonly time: string | null;
  /** The tool writes UTC into a column with time zone, as if it were the local time of its session. */
  readonly writesUtc?: boolean;
  readonly order: readonly string[];
}

/**
 * What a recorded time is: `exact`, `zone-unknown` (the time zone of the tool's session is in it, and read as UTC) or
 * `none`.
 */
export type TimeMeaning = 'exact' | 'zone-unknown' | 'none';

/** What `applied_at` of the rows of a table means. */
export function timeMeaning({ columns }: Pick<ForeignTable, 'columns'>, form: TableForm): TimeMeaning {
  const type = form.time === null ? undefined : columnTypes(columns).get(form.time);
  if (type === undefined) return 'none';
  if (!type.startsWith('timestamp')) return 'exact';
  return type.endsWith('with time zone') === (form.writesUtc !== true) ? 'exact' : 'zone-unknown';
}

/**
 * SQL query: the rows of a table as `ForeignRow`s. A column that this release of the tool lacks is null.
 * `tags` are further expressions, which come first.
 */
export function selectRows(
  { schema, table, columns }: ForeignTable,
  form: TableForm,
  tags: readonly string[] = [],
): string {
  const types = columnTypes(columns);
  const values = form.columns.map((name) => `${asText(name, types.get(name))} as ${quoteIdentifier(name)}`);
  const time = form.time === null ? 'null::text' : asTime(form.time, types.get(form.time), form);
  const order = form.order.filter((name) => types.has(name)).map(quoteIdentifier);
  const sorted = order.length === 0 ? '' : ` order by ${order.join(', ')}`;
  return `select ${[...tags, ...values, `${time} as applied_at`].join(', ')} from ${historyTable(schema, table)}${sorted}`;
}

function columnTypes(columns: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    columns.map((column) => {
      const space = column.indexOf(' ');
      return [column.slice(0, space), column.slice(space + 1)];
    }),
  );
}

// The text of bytea and of a boolean depends on settings and on where it is cast; JSON and hex do not.
function asText(name: string, type: string | undefined): string {
  if (type === undefined) return 'null::text';
  const column = quoteIdentifier(name);
  if (type === 'bytea') return `encode(${column}, 'hex')`;
  return type.endsWith('[]') ? `to_json(${column})::text` : `${column}::text`;
}

function asTime(name: string, type: string | undefined, { writesUtc }: TableForm): string {
  if (type === undefined) return 'null::text';
  const column = quoteIdentifier(name);
  // refinery and Kysely store the text of a time.
  if (!type.startsWith('timestamp')) return `${column}::text`;
  const isZoned = type.endsWith('with time zone') && writesUtc !== true;
  // The cast gives back the digits that the tool wrote, if its session had our time zone.
  const utc = isZoned ? `${column} at time zone 'UTC'` : `${column}::timestamp`;
  return `to_char(${utc}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}
