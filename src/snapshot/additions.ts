import { compareShapes, fullName, type Shape, type ShapeObject, shapeKey } from '../structure/shape.ts';
import type { BuiltTenant } from './built-tenant.ts';
import type { TableRows, TenantRows } from './rows.ts';

/** The first change that files made to what was built before them, in words; `null` if they only added to it. */
export function changeOf(before: BuiltTenant, built: BuiltTenant): string | null {
  for (const { kind, objectKind, object, relation, attribute } of compareShapes(before.shape, built.shape)) {
    if (kind === 'missing-object') return `the ${objectKind} ${object}, which is dropped`;
    if (attribute !== null) return `the ${objectKind} ${object} (${attribute})`;
    if (objectKind === 'attribute') return `the composite type ${relation}`;
  }
  for (const { table, columns, rows } of before.rows.tables) {
    const now = built.rows.tables.find((one) => one.table === table)?.rows ?? [];
    const kept = now.map((row) => row.slice(0, columns.length));
    if (JSON.stringify(kept) !== JSON.stringify(rows)) return `the rows of ${table}`;
  }
  const { sequences, materialized } = before.rows;
  for (const [name, state] of sequences)
    if (built.rows.sequences.get(name) !== state) return `the position of the sequence ${name}`;
  for (const [name, rows] of materialized)
    if (built.rows.materialized.get(name) !== rows) return `the rows of the materialized view ${name}`;
  return null;
}

/** The rows that were added since a tenant was read before; of columns that were added to a table, their values. */
export function addedRows(before: BuiltTenant | null, rows: TenantRows): TenantRows {
  if (before === null) return rows;
  const columnCounts = new Map(before.rows.tables.map((one) => [one.table, one.columns.length]));
  const tables = rows.tables.flatMap((one): TableRows[] => {
    const from = columnCounts.get(one.table) ?? 0;
    if (columnCounts.has(one.table) && from === one.columns.length) return [];
    return [{ ...one, columns: one.columns.slice(from), rows: one.rows.map((row) => row.slice(from)) }];
  });
  const added = <T>(now: ReadonlyMap<string, T>, then: ReadonlyMap<string, T>) =>
    new Map([...now].filter(([name]) => !then.has(name)));
  return {
    ...rows,
    tables,
    sequences: added(rows.sequences, before.rows.sequences),
    materialized: added(rows.materialized, before.rows.materialized),
  };
}

/** What was added to a shape. */
export interface Added {
  isAdded(object: ShapeObject): boolean;
  /** The column was added to a table that is older, and that does not get it from another table. */
  isLater(object: ShapeObject): boolean;
}

/** Tests whether an object was added to a shape since the tenant was last read. */
export function addedSince(before: BuiltTenant | null, shape: Shape): Added {
  const earlier = new Set(before?.shape.map(shapeKey));
  const isAdded = (object: ShapeObject) => !earlier.has(shapeKey(object));
  const older = new Map(
    shape.filter((object) => object.of === null && !isAdded(object)).map((object) => [object.name, object]),
  );
  const inherits = ({ of, name }: ShapeObject): boolean => {
    const { 'partition of': whole, inherits: parents = '' } = older.get(of ?? '')?.attributes ?? {};
    const columns = new Set(parents.split(', ').map((parent) => `${parent}.${name}`));
    return (
      whole !== undefined || shape.some((object) => object.kind === 'column' && columns.has(fullName(object)))
    );
  };
  return {
    isAdded,
    isLater: (object) =>
      object.kind === 'column' && isAdded(object) && older.has(object.of ?? '') && !inherits(object),
  };
}
