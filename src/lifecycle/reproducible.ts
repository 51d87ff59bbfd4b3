import { SqlmigError } from '../errors.ts';
import { tablesNamed } from '../history/presence.ts';
import { historyKey, migrationLabel } from '../project/order.ts';
import type { Ignorable } from '../project/structure-settings.ts';
import type { Session } from '../server/session.ts';
import type { Migration } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';
import { createShapeCollector, selectShapes } from '../structure/read-shapes.ts';
import { compareShapes, type Shape } from '../structure/shape.ts';
import { fenceObjects } from './move-fence.ts';

/** The error for a tenant that cannot be built again from the files. */
export function notReproducible(schema: string, why: string): SqlmigError {
  return new SqlmigError('not-reproducible', `"${schema}" cannot be built from its files: ${why}`, {
    schema,
    state: 'nothing was created',
    hint: 'run sqlmig verify --structure and sqlmig status to see what is wrong with the tenant, and correct it first',
  });
}

/** The files that a tenant has applied. @throws SqlmigError `not-reproducible` if they do not exist as they were. */
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
 * The structure of schemas in the transaction of a session, apart from owners, privileges, the tables of histories and the
 * fence of a moved tenant. Changes its settings.
 */
export async function readStructures(
  session: Session,
  schemas: readonly string[],
  [historyTable, ...ofKinds]: readonly [string, ...string[]],
): Promise<Shape[]> {
  const collector = createShapeCollector();
  const leftOut = ofKinds.length === 0 ? [] : await tablesNamed(session, ofKinds);
  const request = { schemas, ignore, historyTable, leftOut, except: fenceObjects };
  await session.run(selectShapes(request), collector.onRow);
  return schemas.map((schema) => collector.shapes.get(schema) ?? []);
}

/** @throws SqlmigError `not-reproducible` if the structure of a tenant is not the one that its files build. */
export function requireSameStructure(schema: string, own: Shape, built: Shape): void {
  const [difference] = compareShapes(own, built);
  if (difference === undefined) return;
  const { objectKind, object, attribute } = difference;
  const what = `${objectKind} ${object}${attribute === null ? '' : ` (${attribute})`}`;
  throw notReproducible(schema, `its structure is not what they build: ${what} differs`);
}
