// Advisory lock keys (docs/lock-protocol.md, Keys). The objid of a schema is its OID cast to int4. The ones below are never
// the OID of a user schema: those start at 16384, except for public, which is 2200.

/** The classid of all keys: "sqlm" in ASCII. */
export const lockClass = 1936813165;

/** The objid of each key that is not a schema's. */
export const lockObjects = {
  /** Tenant units hold it shared, a public unit exclusively. */
  fleet: 0,
  /** Held exclusively by a public unit, shared by non-transactional units. */
  marker: 1,
  /** Held exclusively while a schema and its history table are created. */
  bootstrap: 2,
  /** Held exclusively by a tenant unit that changes catalog rows that all tenants share. */
  shared: 3,
} as const;

/** SQL of a key, the arguments of the pg_advisory functions; `object` is SQL of type int4. */
export function lockKey(object: number | string): string {
  return `${lockClass}, ${object}`;
}
