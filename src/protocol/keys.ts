import { quoteLiteral } from '../sql/quote.ts';

// Advisory lock keys (docs/lock-protocol.md, Keys). The objid of a schema is its OID cast to int4. The ones below are never
// the OID of a user schema: those start at 16384, except for public, which is 2200.

/** The classid of all keys except the keys of names: "sqlm" in ASCII. */
export const lockClass = 1936813165;

/** The classid of the keys of names: "sqln" in ASCII. */
const nameClass = 1936813166;

/** SQL condition for a row of pg_locks, of any database: it is one of sqlmig's keys. */
export const isOurLock = `locktype = 'advisory' and classid in (${lockClass}, ${nameClass}) and objsubid = 2`;

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

/**
 * SQL of the key of a name that a schema is about to get, the arguments of the pg_advisory functions. There is no OID yet
 * that other sessions could see. Two names with the same hash only wait for each other.
 */
export function nameKey(schema: string): string {
  return `${nameClass}, hashtext(${quoteLiteral(schema)})`;
}

/** SQL expression for a row `l` of pg_locks that is `isOurLock`: its objid, or null for the key of a name. */
export const lockedObject = `case when l.classid = ${lockClass} then l.objid end`;
