import { SqlmigError } from '../errors.ts';

/** Why a name cannot be a tenant's schema, in words; `null` if it can. `publicSchema` is never a tenant; `null` if it is unknown. */
export function tenantNameProblem(name: unknown, publicSchema: string | null): string | null {
  if (typeof name !== 'string')
    return `a tenant's name must be text, not ${name === null ? 'null' : typeof name}`;
  if (name === '') return 'a tenant has an empty name';
  if (name.includes('\0')) return `"${name.replaceAll('\0', '\\0')}" contains a NUL character`;
  // NAMEDATALEN - 1: the server would cut a longer name silently, and two tenants could become one.
  if (Buffer.byteLength(name) > 63) return `"${name}" is longer than the 63 bytes PostgreSQL allows`;
  if (name.startsWith('pg_') || name === 'information_schema')
    return `"${name}" belongs to PostgreSQL itself`;
  if (name === publicSchema) return `"${name}" is the public schema`;
  return null;
}

/** A value from the tenant source, as messages and outcomes name it. */
export function shownName(value: unknown): string {
  if (value === null) return 'NULL';
  // String() would call code of the object, which may throw.
  return typeof value === 'object' || typeof value === 'function' ? `(${typeof value})` : String(value);
}

/** @throws SqlmigError `bad-tenant-name` for a name that cannot be a tenant's schema. */
export function requireTenantName(name: unknown, publicSchema: string | null): void {
  const problem = tenantNameProblem(name, publicSchema);
  if (problem !== null) throw new SqlmigError('bad-tenant-name', problem);
}
