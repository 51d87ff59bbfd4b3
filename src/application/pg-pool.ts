import { SqlmigError } from '../errors.ts';
import type { SessionGuard } from './guard.ts';
import { hasMethods, type TransactionSource } from './open-transaction.ts';
import { requireUsable } from './tenant-path.ts';

interface Result {
  readonly command: string;
  readonly rows: readonly unknown[];
}

/** What a client of pg and those of libraries over it have. */
export interface PgConnection {
  query(...args: unknown[]): Promise<Result | readonly Result[]>;
  release(error?: unknown): void;
}

interface PooledClient extends PgConnection {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  off(event: 'error', listener: (error: unknown) => void): unknown;
}

/** A `Pool` of pg. A `Client` has no sessions that no other code uses. */
export const pgPool: TransactionSource = {
  fits: (db) => hasMethods(db, 'connect', 'query') && 'totalCount' in (db as object),
  async open(db, { path, guard }, work) {
    const client = await (db as { connect(): Promise<PooledClient> }).connect();
    // A lost connection also rejects its queries; without a listener, the event would end the process.
    let lost: unknown;
    const onError = (error: unknown) => {
      lost = error;
    };
    client.on('error', onError);
    try {
      const begun = await client.query(`begin; ${path.query}`);
      requireUsable(path.tenant, rowsOf(begun));
      const value = await work(guardClient(client, guard));
      requireCommitted(await client.query('commit'), path.tenant);
      return value;
    } catch (error) {
      // A session of which the end is unknown is closed.
      await client.query('rollback').catch((failure) => {
        lost ??= failure;
      });
      throw error;
    } finally {
      client.off('error', onError);
      client.release(lost);
    }
  },
};

function rowsOf(results: Result | readonly Result[]): readonly unknown[] {
  return [results].flat().at(-1)?.rows ?? [];
}

/** COMMIT of a transaction in which a statement has failed is a ROLLBACK, without an error. */
function requireCommitted(result: Result | readonly Result[], tenant: string): void {
  if ([result].flat().at(-1)?.command !== 'ROLLBACK') return;
  throw new SqlmigError(
    'transaction-over',
    `the transaction of the tenant ${JSON.stringify(tenant)} was rolled back, because a statement in it failed`,
    { schema: tenant, state: 'rolled back', hint: 'do not catch the error, or use a savepoint' },
  );
}

/** A client whose statements are not sent once the transaction is over, and which is released by its owner only. */
export function guardClient(client: PgConnection, guard: SessionGuard): PgConnection {
  return new Proxy(client, {
    get(target, key) {
      if (key === 'release') return () => {};
      const value = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      if (key !== 'query') return value.bind(target);
      return (...args: unknown[]) => {
        const refusal = guard.refusal(textOf(args[0]));
        if (refusal !== null) throw refusal;
        return target.query(...args);
      };
    },
  });
}

/** The text of a query, which pg also takes as an object. */
export function textOf(query: unknown): unknown {
  return typeof query === 'object' && query !== null ? (query as { readonly text?: unknown }).text : query;
}
