import type { HistoryTimes } from '../../history/history-times.ts';
import type { SchemaStatus } from '../../results.ts';
import type { Migration } from '../../sql/migration.ts';
import type { Target } from '../../state/target.ts';
import { printable } from '../table.ts';
import { versionText } from '../version-text.ts';
import { type Column, cellsOf, columnsOf } from './cells.ts';

/** Schemas that look the same: their cells, version and number of pending migrations, and the indexes of their findings. */
type Group = readonly [cells: string, version: string, pending: number, findings: readonly number[]];

/** A grid of schemas by migrations, as the page's program reads it. */
export interface GridData {
  readonly columns: readonly (readonly [version: string | null, name: string, hasFile: 0 | 1])[];
  readonly groups: readonly Group[];
  /** The schemas: the name, group, and time of the last change (in seconds since 1970, 0 if there is none) of each. */
  readonly names: readonly string[];
  readonly group: readonly number[];
  readonly last: readonly number[];
  /** Base64 of numbers with seven bits per byte: of each schema how many durations follow, then these in milliseconds. */
  readonly times: string;
}

/** The schemas of a grid. */
export interface GridSource {
  readonly files: readonly Migration[];
  readonly targets: readonly Target[];
  /** The same schemas in the same order. */
  readonly schemas: readonly SchemaStatus[];
  readonly times: ReadonlyMap<string, HistoryTimes>;
  /** The indexes of a schema's findings. */
  readonly findingsOf: (schema: SchemaStatus) => readonly number[];
}

/** The grid of some schemas. Those that look the same share what they show, so that the page stays small. */
export function gridData({ files, targets, schemas, times, findingsOf }: GridSource): GridData {
  const columns = columnsOf(files, targets);
  const cells = createCells(columns);
  const groups: Group[] = [];
  const known = new Map<string, number>();
  const group = targets.map((target, i) => {
    const schema = schemas[i] as SchemaStatus;
    const version = versionText(
      schema,
      schema.findings.map(({ kind }) => kind),
    );
    const one: Group = [cells(target), version, schema.pending, findingsOf(schema)];
    const key = JSON.stringify(one);
    const found = known.get(key) ?? groups.push(one) - 1;
    known.set(key, found);
    return found;
  });
  return {
    columns: columns.map(({ version, name, hasFile }) => [version, name, hasFile ? 1 : 0]),
    groups,
    names: targets.map(({ schema }) => printable(schema)),
    group,
    last: targets.map(({ schema }) => times.get(schema)?.lastAt ?? 0),
    times: encodeTimes(targets, times),
  };
}

/** The cells of schemas; those with one plan and the same rows are computed once. */
function createCells(columns: readonly Column[]): (target: Target) => string {
  const known = new Map<unknown, string>();
  return (target) => {
    if (target.trouble !== null) return cellsOf(target, columns);
    const cells = known.get(target.plan) ?? cellsOf(target, columns);
    known.set(target.plan, cells);
    return cells;
  };
}

function encodeTimes(targets: readonly Target[], times: GridSource['times']): string {
  const bytes: number[] = [];
  const put = (value: number) => {
    let left = value;
    for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
    bytes.push(left);
  };
  for (const { schema, rows, trouble } of targets) {
    const durations = times.get(schema)?.durations ?? [];
    // A run may have changed the history between the two readings.
    const isWhole = trouble === null && durations.length === rows.length;
    put(isWhole ? durations.length : 0);
    if (isWhole) for (const duration of durations) put(Math.max(0, duration));
  }
  return Buffer.from(bytes).toString('base64');
}
