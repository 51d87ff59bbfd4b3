import type { RehearsalSample } from '../cost-results.ts';
import type { OnEvent } from '../events.ts';
import type { Session } from '../server/session.ts';
import { isOrdinarySchema } from '../sql/catalog-sql.ts';
import type { Target } from '../state/target.ts';
import { hasWork } from './outcome.ts';
import { schemaRefusal } from './schema-errors.ts';

/** The number of tenants, and their size in bytes. */
export interface TenantShare {
  readonly tenants: number;
  readonly bytes: number;
}

/** The tenants that a rehearsal runs as a sample, and the sizes of all tenants. */
export interface Sample {
  /** The tenants of the sample, and all tenants without work. */
  readonly targets: readonly Target[];
  readonly facts: RehearsalSample;
  /** The tenants in which each file is pending, by the path of the file. */
  readonly files: ReadonlyMap<string, TenantShare>;
  readonly bytesOf: (schema: string) => number;
}

/** The tenants to choose from, and the size of the sample. */
interface Sampling {
  readonly tenants: readonly Target[];
  /** The number of tenants with work to take, at most. */
  readonly most: number;
  readonly emit: OnEvent;
}

/**
 * Takes the largest tenants that have work. Sizes are the ones that VACUUM, ANALYZE and index builds recorded last: one
 * query reads them for all tenants, without waiting for a lock.
 */
export async function takeSample(session: Session, { tenants, most, emit }: Sampling): Promise<Sample> {
  const sizes = await readSizes(session);
  const bytesOf = (schema: string) => sizes.get(schema) ?? 0;
  const able = tenants.filter((target) => hasWork(target) && schemaRefusal(target) === null);
  const bySize = [...able].sort((a, b) => bytesOf(b.schema) - bytesOf(a.schema));
  const chosen = new Set(bySize.slice(0, most));
  const facts = {
    tenants: able.length,
    sampled: chosen.size,
    bytes: bytesIn(able, bytesOf),
    sampledBytes: bytesIn([...chosen], bytesOf),
  };
  if (able.length > chosen.size && facts.bytes === 0) {
    const message = `the server has recorded no sizes, so the sample is the first ${chosen.size} tenants; run ANALYZE for the largest ones`;
    emit({ type: 'warning', message });
  }
  const left = new Set(able.filter((target) => !chosen.has(target)));
  return {
    targets: tenants.filter((target) => !left.has(target)),
    facts,
    files: pendingIn(able, bytesOf),
    bytesOf,
  };
}

function bytesIn(tenants: readonly Target[], bytesOf: Sample['bytesOf']): number {
  return tenants.reduce((sum, { schema }) => sum + bytesOf(schema), 0);
}

/** Tenants with the same history share the list of their pending files. */
function pendingIn(tenants: readonly Target[], bytesOf: Sample['bytesOf']): Map<string, TenantShare> {
  const lists = new Map<Target['plan']['steps'], TenantShare>();
  for (const { schema, plan } of tenants)
    lists.set(plan.steps, grown(lists.get(plan.steps), bytesOf(schema)));
  const files = new Map<string, TenantShare>();
  for (const [steps, share] of lists)
    for (const { file } of steps) files.set(file, grown(files.get(file), share.bytes, share.tenants));
  return files;
}

function grown(share: TenantShare | undefined, bytes: number, tenants = 1): TenantShare {
  return { tenants: (share?.tenants ?? 0) + tenants, bytes: (share?.bytes ?? 0) + bytes };
}

async function readSizes(session: Session): Promise<Map<string, number>> {
  const rows = await session.read(`select n.nspname as schema,
  (sum(c.relpages::int8 + coalesce(t.relpages, 0)) * current_setting('block_size')::int8)::text as bytes
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_class t on t.oid = c.reltoastrelid
where c.relkind in ('r', 'm', 'i') and ${isOrdinarySchema} group by 1`);
  return new Map(rows.map(({ schema, bytes }) => [String(schema), Number(bytes)]));
}
