import type { Session } from '../server/session.ts';

/** What an object needs, by address (see `ShapeObject.address`). */
export interface Dependencies {
  /** The addresses that each of the addresses needs. */
  readonly needs: readonly (readonly [address: string, needed: string])[];
  /** The addresses of those that have no statement of their own, such as the rule of a view, and what they belong to. */
  readonly standsFor: ReadonlyMap<string, string>;
  /** The addresses of those that come with a partitioned table or a parent, and are not created by themselves. */
  readonly inherited: ReadonlySet<string>;
}

// src/include/access/transam.h: objects of the system have lower OIDs.
const firstNormalObjectId = 16_384;

/** Reads what all objects of a database need that are not the system's. */
export async function readDependencies(session: Session): Promise<Dependencies> {
  const address = (catalog: string, oid: string, sub = '0') => `'${catalog} ' || ${oid} || ' ' || ${sub}`;
  const named = (oid: string) => `(${oid})::regclass::text`;
  const needs =
    await session.read(`select distinct ${named('classid')} || ' ' || objid || ' ' || objsubid as address,
  ${named('refclassid')} || ' ' || refobjid || ' ' || refobjsubid as needed
from pg_depend where objid >= ${firstNormalObjectId} and refobjid >= ${firstNormalObjectId} and deptype in ('n', 'a', 'i', 'P', 'S')`);
  const stands =
    await session.read(`select ${address('pg_attrdef', 'oid')} as address, ${address('pg_class', 'adrelid', 'adnum')} as owner from pg_attrdef
union all select ${address('pg_rewrite', 'oid')}, ${address('pg_class', 'ev_class')} from pg_rewrite where rulename = '_RETURN'
union all select ${address('pg_type', 'oid')}, ${address('pg_class', 'typrelid')} from pg_type where typrelid <> 0
union all select ${address('pg_type', 'typarray')}, ${address('pg_type', 'oid')} from pg_type where typarray <> 0
union all select ${address('pg_type', 'rngmultitypid')}, ${address('pg_type', 'rngtypid')} from pg_range
union all select ${address('pg_class', 'conindid')}, ${address('pg_constraint', 'oid')} from pg_constraint where contype in ('p', 'u', 'x')`);
  const inherited =
    await session.read(`select ${address('pg_class', 'i.inhrelid')} as address from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relkind in ('i', 'I')
union select ${address('pg_constraint', 'oid')} from pg_constraint where conparentid <> 0 or (contype = 'c' and coninhcount > 0 and not conislocal)`);
  return {
    needs: needs.map((row) => [String(row.address), String(row.needed)]),
    standsFor: new Map(stands.map((row) => [String(row.address), String(row.owner)])),
    inherited: new Set(inherited.map((row) => String(row.address))),
  };
}
