import { SqlmigError } from '../errors.ts';
import type { SessionGuard } from './guard.ts';
import { hasMethods, type TransactionSource } from './open-transaction.ts';
import { guardClient, type PgConnection, textOf } from './pg-pool.ts';
import { withinSql } from './postgres-js.ts';
import { requireUsable } from './tenant-path.ts';

interface Session {
  client: unknown;
}

interface Transaction {
  readonly session: Session;
  execute(text: string): Promise<readonly unknown[] | { readonly rows: readonly unknown[] }>;
}

interface Database {
  readonly session: Session;
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
}

/** A database of Drizzle over `sql` of postgres.js, a `Pool` of pg, or a driver with the interface of either. */
export const drizzle: TransactionSource = {
  fits: (db) => hasMethods(db, 'transaction', 'execute') && 'session' in (db as object),
  open(db, { path, guard }, work) {
    const database = db as Database;
    return database.transaction(async (tx) => {
      const { session } = tx;
      if (session === database.session) {
        throw new SqlmigError('bad-usage', 'the Drizzle database uses a single pg client', {
          hint: 'make it with a Pool: other code could use the client during the transaction',
        });
      }
      const result = await tx.execute(path.query);
      requireUsable(path.tenant, 'rows' in result ? result.rows : result);
      const { client } = session;
      if (isSql(client)) {
        return withinSql(client, guard, (sql) => {
          session.client = sql;
          return work(tx);
        });
      }
      session.client = guardButEnd(requirePg(client), guard);
      return work(tx);
    });
  },
};

const isSql = (client: unknown): client is (...args: unknown[]) => unknown => typeof client === 'function';

function requirePg(client: unknown): PgConnection {
  if (hasMethods(client, 'query', 'release')) return client as PgConnection;
  throw new SqlmigError('bad-usage', 'the driver of the Drizzle database is not supported', {
    hint: 'use drizzle-orm/node-postgres with a Pool, or drizzle-orm/postgres-js',
  });
}

/** A guarded client with which Drizzle itself can still end the transaction, until it has released the client. */
function guardButEnd(client: PgConnection, guard: SessionGuard): PgConnection {
  const guarded = guardClient(client, guard);
  let isReleased = false;
  return new Proxy(client, {
    get(target, key) {
      if (key === 'release') {
        return (...args: [unknown?]) => {
          isReleased = true;
          target.release(...args);
        };
      }
      if (key !== 'query') return Reflect.get(guarded, key);
      return (...args: unknown[]) => {
        const isEnd = !guard.isOpen && !isReleased && /^(?:commit|rollback)$/.test(String(textOf(args[0])));
        return isEnd ? target.query(...args) : guarded.query(...args);
      };
    },
  });
}
