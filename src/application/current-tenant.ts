import { AsyncLocalStorage } from 'node:async_hooks';
import { SqlmigError } from '../errors.ts';
import { requireTenantName } from '../tenants/tenant-name.ts';
import type { SessionGuard } from './guard.ts';

/** A transaction of a tenant that is open. */
export interface OpenTransaction {
  /** The pool or client that it was begun on. */
  readonly db: unknown;
  /** What the work received. */
  readonly transaction: unknown;
  readonly guard: SessionGuard;
  /** The query that set its path. */
  readonly query: string;
}

/** The tenant that the code runs for, from the innermost call on. */
interface Scope {
  readonly tenant: string;
  /** `null` in `asTenant`. */
  readonly opened: OpenTransaction | null;
  readonly outer: Scope | null;
}

const scopes = new AsyncLocalStorage<Scope>();

/** The scopes around the running code that have not ended, from the innermost one on. */
function enclosing(): readonly Scope[] {
  const found: Scope[] = [];
  for (let scope = scopes.getStore() ?? null; scope !== null; scope = scope.outer)
    if (scope.opened === null || scope.opened.guard.isOpen) found.push(scope);
  return found;
}

/**
 * Runs a function, and everything that it calls and starts, for a tenant: `forTenant` without a name uses that tenant, and
 * refuses every other one. Nothing is sent to the database.
 * @throws SqlmigError `bad-tenant-name`; `other-tenant` if the code already runs for another tenant.
 */
export function asTenant<T>(tenant: string, work: () => T): T {
  // Which schema is public is known where a transaction is opened.
  requireTenantName(tenant, null);
  return runFor({ tenant, opened: null }, work);
}

/** The tenant that the running code is for; `null` outside of `asTenant` and `forTenant`. */
export function currentTenant(): string | null {
  return enclosing()[0]?.tenant ?? null;
}

/** Runs a function for a tenant. @throws SqlmigError `other-tenant`. */
export function runFor<T>(scope: Pick<Scope, 'tenant' | 'opened'>, work: () => T): T {
  requireSame(scope.tenant);
  return scopes.run({ ...scope, outer: scopes.getStore() ?? null }, work);
}

/** The open transaction of the running code on a pool or client, which may also be the transaction itself. */
export function openTransaction(db: unknown, query: string): OpenTransaction | null {
  const opened = enclosing().map((scope) => scope.opened);
  return (
    opened.find(
      (context) =>
        context !== null && context.query === query && (context.db === db || context.transaction === db),
    ) ?? null
  );
}

/** @throws SqlmigError `other-tenant` if the running code is for another tenant. */
export function requireSame(tenant: string): void {
  const current = currentTenant();
  if (current === null || current === tenant) return;
  throw new SqlmigError(
    'other-tenant',
    `this code runs for the tenant ${JSON.stringify(current)}, so it cannot use ${JSON.stringify(tenant)}`,
    { schema: tenant, state: 'nothing was run', hint: 'call forTenant outside the code of the other tenant' },
  );
}
