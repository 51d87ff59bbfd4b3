import {
  type Histories,
  type History,
  type Reader,
  readHistories,
  readHistoryDigests,
} from '../history/read-histories.ts';
import type { HistoryDigests } from '../tenants/tenants.ts';

/** A reader that already has the digests of some histories. */
export interface TargetReader extends Reader {
  readonly digests?: HistoryDigests;
}

// Up to this many histories are read in full. Of more, only the digests and one history per digest.
const fewHistories = 10;

/**
 * Reads the histories of schemas. If there are many, it reads the digests that are not in `digests`, and then the rows of
 * one schema for each distinct digest.
 */
export async function readDistinctHistories(
  { digests = new Map(), ...reader }: TargetReader,
  schemas: readonly string[],
  table: string,
): Promise<Histories<History>> {
  if (schemas.length <= fewHistories) return readHistories(reader, schemas, table);
  const scan = await readHistoryDigests(
    reader,
    schemas.filter((schema) => !digests.has(schema)),
    table,
  );
  const scanned = new Map([...digests, ...scan.read]);
  const read = new Map<string, History>();
  const refused = new Map(scan.refused);
  let open = schemas.filter((schema) => scanned.has(schema));
  while (open.length > 0) {
    const digestOf = (schema: string) => scanned.get(schema)?.digest ?? '';
    const first = new Map<string, string>();
    for (const schema of open) if (!first.has(digestOf(schema))) first.set(digestOf(schema), schema);
    const representatives = new Set(first.values());
    const histories = await readHistories(reader, [...representatives], table);
    for (const [schema, error] of histories.refused) refused.set(schema, error);
    for (const [schema, history] of histories.read) read.set(schema, history);
    // A history that changed since the scan represents itself only; the next round picks another for its digest.
    const byDigest = new Map([...histories.read.values()].map((history) => [history.digest, history]));
    for (const schema of open) {
      const history = byDigest.get(digestOf(schema));
      if (history !== undefined && !read.has(schema) && !refused.has(schema)) read.set(schema, history);
    }
    open = open.filter((schema) => !read.has(schema) && !representatives.has(schema));
  }
  return { read, refused };
}
