import { SqlmigError } from '../errors.ts';
import { historyTable } from '../history/history.ts';
import { readOwnTable } from '../history/own-table.ts';
import { tablesNamed } from '../history/presence.ts';
import { historyKey, migrationLabel } from '../project/order.ts';
import type { Ignorable } from '../project/structure-settings.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import type { Session } from '../server/session.ts';
import { schemaOid } from '../sql/catalog-sql.ts';
import type { Migration } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';
import { createShapeCollector, selectShapes } from '../structure/read-shapes.ts';
import { columnOrder, compareShapes, type Shape } from '../structure/shape.ts';
import { fenceObjects } from './move-fence.ts';

/** The error for a tenant that cannot be rebuilt from the files. */
export function notReproducible(schema: string, why: string): SqlmigError {
  return new SqlmigError('not-reproducible', `"${schema}" cannot be built from its files: ${why}`, {
    schema,
    state: 'nothing was created',
    hint: 'run sqlmig verify --structure and sqlmig status to see what is wrong with the tenant, and correct it first',
  });
}

/** The files that a tenant has applied. @throws SqlmigError `not-reproducible` if one is missing or has changed. */
export function filesOf({ schema, rows }: Target, files: readonly Migration[]): Migration[] {
  const byKey = new Map(files.map((file) => [historyKey(file), file]));
  for (const row of rows) {
    const file = byKey.get(historyKey(row));
    if (row.state !== 'applied') throw notReproducible(schema, `${migrationLabel(row)} is incomplete`);
    if (file === undefined) throw notReproducible(schema, `${migrationLabel(row)} has no file`);
    if (file.checksum !== row.checksum)
      throw notReproducible(schema, `${file.file} has changed since it was applied`);
  }
  const applied = new Set(rows.map(historyKey));
  return files.filter((file) => applied.has(historyKey(file)));
}

const ignore: ReadonlySet<Ignorable> = new Set<Ignorable>(['owner', 'grants']);

/**
 * The structure of schemas in the transaction of a session, apart from owners, privileges, the tables with the names of
 * histories and the fence of a moved tenant. Changes its settings.
 */
export async function readStructures(
  session: Session,
  schemas: readonly string[],
  { table, historyTables }: Pick<UnitContext, 'table' | 'historyTables'>,
): Promise<Shape[]> {
  const collector = createShapeCollector();
  const others = historyTables.filter((name) => name !== table);
  const leftOut = others.length === 0 ? [] : await tablesNamed(session, others);
  const request = { schemas, ignore, historyTable: table, leftOut, except: fenceObjects };
  await session.run(selectShapes(request), collector.onRow);
  return schemas.map((schema) => collector.shapes.get(schema) ?? []);
}

/**
 * Requires, under the key of a tenant, that it has no rows in other histories than those that were read. A history can be
 * empty because its files were undone.
 * @throws SqlmigError `not-reproducible`.
 */
export async function requireNoOtherHistory(
  session: Session,
  schema: string,
  { read, all }: { readonly read: readonly string[]; readonly all: readonly string[] },
): Promise<void> {
  for (const table of all.filter((name) => !read.includes(name))) {
    const own = historyTable(schema, table);
    const rows = await readOwnTable(session, own, `select version from ${own} limit 1`);
    if (rows.length > 0) throw changedMeanwhile(schema);
  }
}

/** The error for a tenant that another run has changed since it was read. */
export function changedMeanwhile(schema: string): SqlmigError {
  return new SqlmigError('not-reproducible', `"${schema}" was changed by another run in the meantime`, {
    schema,
    state: 'nothing was created',
    hint: 'run the command again',
  });
}

/** The structure of a tenant, and the structure that its files build. */
interface Structures {
  readonly own: Shape;
  readonly built: Shape;
  /** The columns of tables may be in another order (see `mayReorder`). */
  readonly reordered: boolean;
}

/** @throws SqlmigError `not-reproducible` if the structure of a tenant is not the one that its files build. */
export function requireSameStructure(schema: string, { own, built, reordered }: Structures): void {
  const [difference] = compareShapes(own, built).filter(
    ({ attribute, objectKind }) =>
      !(reordered && attribute === columnOrder && objectKind !== 'composite type'),
  );
  if (difference === undefined) return;
  const { objectKind, object, attribute } = difference;
  const what = `${objectKind} ${object}${attribute === null ? '' : ` (${attribute})`}`;
  throw notReproducible(schema, `its structure is not what they build: ${what} differs`);
}

/**
 * Whether the columns of a tenant's tables may be in another order than its files build: a file of all tenants may have
 * added a column after a file of a kind. False if a table has a column of a composite type, because only their order
 * identifies the fields of a composite value.
 */
export async function mayReorder(
  session: Session,
  schema: string,
  scopes: readonly unknown[],
): Promise<boolean> {
  if (scopes.length === 1) return false;
  const [row] = await session.read(`with recursive types (oid) as (
  select a.atttypid from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = ${schemaOid(schema)} and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
  union select case t.typtype when 'd' then t.typbasetype else t.typelem end from types join pg_type t using (oid))
select exists (select from types join pg_type t using (oid) where t.typtype = 'c') as composite`);
  return row?.composite === false;
}
