// Advisory lock keys, two-int form (classid, objid), per database. A schema's objid is its OID as int4; the ones below
// are no OID of a schema (those start at 16384 but for public, 2200).

/** classid of all keys of sqlmig: ASCII "sqlm". */
export const lockClass = 1936813165;

/** objid of the keys that are not a schema's. */
export const lockObjects = {
  /** Tenant units hold it shared, a public unit exclusively. */
  fleet: 0,
  /** Held exclusively by a public unit, shared by non-transactional units. */
  marker: 1,
  /** Held exclusively while a schema and its history table are created. */
  bootstrap: 2,
  /** Held exclusively by a tenant unit that changes rows of the catalogues that all tenants share. */
  shared: 3,
} as const;

/** SQL of a key: what stands between the brackets of the pg_advisory functions. `object` is SQL of an int4. */
export function lockKey(object: number | string): string {
  return `${lockClass}, ${object}`;
}
