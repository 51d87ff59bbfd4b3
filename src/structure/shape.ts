import type { DriftKind } from '../verify-results.ts';

/** The structure of one object; names in its own schema are bare, those in others are qualified. */
export interface ShapeObject {
  /** Such as `table`, `column` or `index`. */
  readonly kind: string;
  /** Its name; a function's has the types of its arguments. */
  readonly name: string;
  /** The table, view or type that it belongs to; `null` for an independent object. */
  readonly of: string | null;
  /** Its definition by attribute, such as `type` and `default` of a column. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Its catalog, OID and number in it, such as `pg_class 16384 0`, if that was requested and it has one. */
  readonly address?: string;
}

/** The name of an object after that of the table that it belongs to: `users.email`. */
export function fullName({ of, name }: ShapeObject): string {
  return of === null ? name : `${of}.${name}`;
}

/** The structure of a schema, without its name. */
export type Shape = readonly ShapeObject[];

/** A schema without objects has no hash. */
export interface ShapeHash {
  readonly hash: string | null;
  readonly objects: number;
}

/** The hash of a schema without objects, or of one that does not exist. */
export const noObjects: ShapeHash = { hash: null, objects: 0 };

/** A structure, and its hash; `null` if that is not known. */
export interface KnownShape extends ShapeHash {
  readonly shape: Shape;
}

/** One difference between two shapes. */
export interface ShapeDifference {
  readonly kind: DriftKind;
  /** The kind of the object, such as `column`. */
  readonly objectKind: string;
  /** Its name, after that of the table that it belongs to: `users.email`. */
  readonly object: string;
  /** The table that it belongs to, else its own name. */
  readonly relation: string;
  /** What differs in an object that both have; `null` for the object itself. */
  readonly attribute: string | null;
  /** `null` if it is not expected. */
  readonly expected: string | null;
  /** `null` if it does not exist. */
  readonly actual: string | null;
}

/** What an object is recognized by in another shape. */
export function shapeKey({ kind, of, name }: ShapeObject): string {
  return JSON.stringify([kind, of, name]);
}

/** The attribute of a table that lists its columns in order. */
export const columnOrder = 'column order';

/** The attribute of a sequence that names the column that owns it. */
export const ownedBy = 'owned by';

const notValid = ' NOT VALID';

/** The differences between two shapes. What belongs to an object that is missing or extra is not listed by itself. */
export function compareShapes(expected: Shape, actual: Shape): ShapeDifference[] {
  const expectedByKey = new Map(expected.map((object) => [shapeKey(object), object]));
  const actualByKey = new Map(actual.map((object) => [shapeKey(object), object]));
  const missing = expected.filter((object) => !actualByKey.has(shapeKey(object)));
  const extra = actual.filter((object) => !expectedByKey.has(shapeKey(object)));
  return [
    ...withoutParts(missing).map((object) => whole('missing-object', object)),
    ...withoutParts(extra).map((object) => whole(extraKind(object), object)),
    ...expected.flatMap((object) => {
      const now = actualByKey.get(shapeKey(object));
      return now === undefined ? [] : changes(object, now);
    }),
  ].sort((a, b) => compareTexts(a.object, b.object) || compareTexts(a.kind, b.kind));
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const wholes: ReadonlySet<string> = new Set([
  ...['table', 'partitioned table', 'foreign table', 'view', 'materialized view'],
  ...['composite type', 'domain'],
]);

/** The objects whose table, view, type or column is not among them. */
function withoutParts(objects: readonly ShapeObject[]): ShapeObject[] {
  const owners = new Set(objects.filter(({ kind }) => wholes.has(kind)).map(({ name }) => name));
  const columns = new Set(objects.filter(({ kind }) => kind === 'column').map(fullName));
  return objects.filter(
    ({ of, attributes }) => (of === null || !owners.has(of)) && !columns.has(attributes['owned by'] ?? ''),
  );
}

function extraKind({ kind, attributes }: ShapeObject): DriftKind {
  if (kind === 'index' && attributes.state !== undefined) return 'invalid-index';
  // The column of an unvalidated NOT NULL (PostgreSQL 18) is NOT NULL like any other.
  const isUnvalidated = /^NOT NULL .* NOT VALID$/.test(attributes.definition ?? '');
  return kind === 'constraint' && isUnvalidated ? 'not-validated' : 'extra-object';
}

function whole(kind: DriftKind, object: ShapeObject): ShapeDifference {
  const text = describe(object);
  const isMissing = kind === 'missing-object';
  return {
    kind,
    ...placeOf(object),
    attribute: null,
    expected: isMissing ? text : null,
    actual: isMissing ? null : text,
  };
}

function describe({ attributes }: ShapeObject): string {
  const { definition, ...others } = attributes;
  const rest = Object.entries(others).map(([name, text]) => `${name}: ${text}`);
  return [...(definition === undefined ? [] : [definition]), ...rest].join('; ');
}

function placeOf(object: ShapeObject) {
  return { objectKind: object.kind, object: fullName(object), relation: object.of ?? object.name };
}

function changes(expected: ShapeObject, actual: ShapeObject): ShapeDifference[] {
  const names = new Set([...Object.keys(expected.attributes), ...Object.keys(actual.attributes)]);
  return [...names].flatMap((attribute) => {
    const [was, is] = [expected.attributes[attribute] ?? null, actual.attributes[attribute] ?? null];
    if (was === is || (attribute === columnOrder && !hasSameColumns(was, is))) return [];
    const kind = changedKind(actual, attribute, { was, is });
    return [{ kind, ...placeOf(actual), attribute, expected: was, actual: is }];
  });
}

/** The order of columns differs anyway if one of them is missing or extra. */
function hasSameColumns(was: string | null, is: string | null): boolean {
  const sorted = (order: string | null) => (order ?? '').split(', ').sort().join();
  return sorted(was) === sorted(is);
}

function changedKind(
  { kind }: ShapeObject,
  attribute: string,
  { was, is }: { readonly was: string | null; readonly is: string | null },
): DriftKind {
  if (kind === 'index' && attribute === 'state' && is !== null) return 'invalid-index';
  const isOnlyUnvalidated = kind === 'constraint' && was !== null && is === was + notValid;
  return isOnlyUnvalidated ? 'not-validated' : 'changed-object';
}
