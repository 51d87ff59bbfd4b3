import type { Session } from '../server/session.ts';
import { isOrdinarySchema } from '../sql/catalog-sql.ts';
import type { FileFigures } from './file-figures.ts';

/** A relation as it was before a rehearsal. */
export interface RelationBefore {
  readonly schema: string;
  readonly relation: string;
  readonly storage: string;
  readonly tablespace: string;
}

/** An index as it was before a rehearsal. */
export interface IndexBefore {
  readonly index: string;
  readonly storage: string;
}

/** What existed before a rehearsal: relations by OID, and their indexes by the OID of the table and their own. */
export interface Before {
  readonly relations: ReadonlyMap<string, RelationBefore>;
  readonly indexes: ReadonlyMap<string, ReadonlyMap<string, IndexBefore>>;
}

/**
 * Reads the relations that a rehearsal has locked or changed as they were before it, after it was rolled back: without
 * those that it created. Takes no lock on them.
 */
export async function relationsBefore(session: Session, files: readonly FileFigures[]): Promise<Before> {
  const oids = files.flatMap(({ marks, relations }) => [
    ...marks.flatMap(({ locks }) => locks.map(([oid]) => oid)),
    ...relations.map(({ oid }) => oid),
  ]);
  const tables = new Set(files.flatMap(({ indexes }) => indexes.map(({ table }) => table)));
  return {
    relations: await readRelations(session, new Set(oids)),
    indexes: await readIndexes(session, tables),
  };
}

/** Reads the relations with these OIDs, without those of the server itself. */
export async function readRelations(
  session: Session,
  oids: ReadonlySet<string>,
): Promise<Before['relations']> {
  if (oids.size === 0) return new Map();
  const rows = await session.read(
    `select c.oid::text as oid, n.nspname as schema, c.relname as relation, c.relfilenode::text as storage, c.reltablespace::text as tablespace
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid in (${[...oids].join(', ')}) and c.relkind in ('r', 'p', 'm', 'v', 'f', 'i', 'I', 'S') and ${isOrdinarySchema}`,
  );
  return new Map(
    rows.map(({ oid, schema, relation, storage, tablespace }) => [
      String(oid),
      {
        schema: String(schema),
        relation: String(relation),
        storage: String(storage),
        tablespace: String(tablespace),
      },
    ]),
  );
}

async function readIndexes(session: Session, tables: ReadonlySet<string>): Promise<Before['indexes']> {
  const indexes = new Map<string, Map<string, IndexBefore>>();
  if (tables.size === 0) return indexes;
  const rows = await session.read(
    `select i.indrelid::text as table, c.oid::text as oid, c.relname as index, c.relfilenode::text as storage
from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid in (${[...tables].join(', ')})`,
  );
  for (const { table, oid, index, storage } of rows) {
    const ofTable = indexes.get(String(table)) ?? new Map<string, IndexBefore>();
    indexes.set(String(table), ofTable.set(String(oid), { index: String(index), storage: String(storage) }));
  }
  return indexes;
}
