import type { Session } from '../server/session.ts';
import { arrayOf } from '../sql/catalog-sql.ts';
import { selectDependents } from '../structure/dependents.ts';
import type { TableShape } from './tables.ts';

/** The objects that keep tables from being dropped without CASCADE, as PostgreSQL describes them. */
export async function readDependents(session: Session, tables: readonly TableShape[]): Promise<string[]> {
  if (tables.length === 0) return [];
  const oids = arrayOf(
    tables.map(({ oid }) => oid),
    'oid',
  );
  const roots = `select 'pg_class'::regclass::oid, t.oid from unnest(${oids}) t (oid)`;
  const rows = await session.read(selectDependents(roots));
  return rows.map(({ what }) => String(what));
}
