import { nameArray } from '../sql/catalog-sql.ts';
import { readShapeHashes, type ShapeRequest } from './read-shapes.ts';
import type { ReadWith } from './schema-differences.ts';
import type { ShapeHash } from './shape.ts';

// A backend caches every relation whose definition it shows, about 5 kB each, until it ends.
const mostRelations = 20_000;

/**
 * The hashes of the structure of a fleet, read in batches, two at a time. `read` should use a new session each time, so
 * that the memory of the server's processes does not grow with the fleet.
 */
export async function readFleetHashes(
  read: ReadWith,
  request: ShapeRequest,
): Promise<Map<string, ShapeHash>> {
  const batches = await batchesOf(read, request.schemas);
  const hashes = new Map<string, ShapeHash>();
  const work = async () => {
    for (let schemas = batches.shift(); schemas !== undefined; schemas = batches.shift()) {
      const batch = { ...request, schemas };
      for (const [schema, hash] of await read((session) => readShapeHashes(session, batch)))
        hashes.set(schema, hash);
    }
  };
  await Promise.all([work(), work()]);
  return hashes;
}

async function batchesOf(read: ReadWith, schemas: readonly string[]): Promise<string[][]> {
  const rows = await read((session) =>
    session.read(`select n.nspname::text as schema, count(c.oid)::int as relations
from pg_namespace n left join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S', 'c')
where n.nspname = any(${nameArray(schemas)}) group by n.nspname order by n.nspname`),
  );
  const total = rows.reduce((sum, { relations }) => sum + Number(relations), 0);
  const most = Math.min(mostRelations, Math.ceil(total / 2));
  const batches: string[][] = [];
  let room = 0;
  for (const { schema, relations } of rows) {
    if (batches.length === 0 || room <= 0) {
      batches.push([]);
      room = most;
    }
    batches.at(-1)?.push(String(schema));
    room -= Number(relations);
  }
  return batches;
}
