import { SqlmigError } from '../errors.ts';
import { callback, checkValue } from '../project/option.ts';
import {
  currentTenant,
  type OpenTransaction,
  openTransaction,
  requireSame,
  runFor,
} from './current-tenant.ts';
import { drizzle } from './drizzle.ts';
import { createGuard, transactionOver } from './guard.ts';
import { knex } from './knex.ts';
import { kysely } from './kysely.ts';
import type { TransactionSource } from './open-transaction.ts';
import { pgPool } from './pg-pool.ts';
import { postgresJs } from './postgres-js.ts';
import { prisma } from './prisma.ts';
import { type TenancySettings, tenantPaths } from './tenant-path.ts';
import type { TransactionOf } from './transaction-of.ts';

/**
 * Runs a function in a transaction whose `search_path` is a tenant's, and commits it; if the function throws, the
 * transaction is rolled back. The tenant is the given one, or that of `asTenant`. A nested call for the same tenant and
 * pool joins the transaction.
 * @throws SqlmigError `bad-tenant-name`, `no-tenant`, `other-tenant`, `unknown-tenant`, `bad-usage`; `transaction-over` for
 *   a statement that is sent after the function has ended. All other errors are those of the library and the function.
 */
export interface ForTenant {
  <Db, T>(db: Db, tenant: string, work: (transaction: TransactionOf<Db>) => T | Promise<T>): Promise<T>;
  <Db, T>(db: Db, work: (transaction: TransactionOf<Db>) => T | Promise<T>): Promise<T>;
}

// The order matters: Drizzle and Prisma could be taken for others.
const sources: readonly TransactionSource[] = [postgresJs, prisma, kysely, knex, drizzle, pgPool];

// By what the function received, so that code that has only the transaction can pass it on.
const handedOut = new WeakMap<object, OpenTransaction & { readonly tenant: string }>();

/**
 * `forTenant` for a config with its own `publicSchema`, `searchPath` or `historyTable`.
 * @throws SqlmigError `config-invalid`.
 */
export function forTenantsOf(settings: TenancySettings): ForTenant {
  const pathOf = tenantPaths(settings);
  return async (db: unknown, ...rest: unknown[]): Promise<never> => {
    const work = rest.at(-1);
    checkValue('the last argument of forTenant', work, callback);
    const path = pathOf(rest.length > 1 ? (rest[0] as string) : requireCurrent());
    const { tenant, query } = path;
    requireSame(tenant);
    const passedOn = handedOut.get(Object(db));
    if (passedOn?.guard.isOpen === false) throw transactionOver(passedOn.tenant);
    const run = work as (transaction: unknown) => Promise<never>;
    const opened = openTransaction(db, query);
    if (opened !== null) return run(opened.transaction);
    const guard = createGuard(tenant);
    const inTransaction = async (transaction: unknown) => {
      const scope = { db, transaction, guard, query };
      handedOut.set(Object(transaction), { ...scope, tenant });
      try {
        return await runFor({ tenant, opened: scope }, () => run(transaction));
      } finally {
        guard.close();
      }
    };
    try {
      return await sourceOf(db).open(db, { path, guard }, inTransaction);
    } finally {
      guard.end();
    }
  };
}

/** `forTenant` for a config with the usual `publicSchema`, `searchPath` and `historyTable`. */
export const forTenant: ForTenant = forTenantsOf({});

function requireCurrent(): string {
  const tenant = currentTenant();
  if (tenant !== null) return tenant;
  throw new SqlmigError('no-tenant', 'forTenant was called without a tenant', {
    state: 'nothing was run',
    hint: 'pass its name, or call asTenant for the request first',
  });
}

function sourceOf(db: unknown): TransactionSource {
  const source = sources.find(({ fits }) => fits(db));
  if (source !== undefined) return source;
  throw new SqlmigError('bad-usage', 'forTenant does not support this connection', {
    hint: 'pass sql of postgres.js, a Pool of pg, or a database of Drizzle, Kysely, Knex or Prisma',
  });
}
