import type { SessionGuard } from './guard.ts';
import { hasMethods, type TransactionSource } from './open-transaction.ts';
import { requireUsable } from './tenant-path.ts';

/** A statement of postgres.js. Its text is complete when its handler is called, a moment after it is awaited. */
interface Query extends Promise<unknown> {
  handler(query: Query): void;
  readonly strings: readonly string[];
  reject(error: unknown): void;
}

type Sql = (...args: unknown[]) => unknown;
type Savepoint = (...args: unknown[]) => Promise<unknown>;

interface TransactionSql extends Sql {
  unsafe(text: string): Promise<readonly unknown[]>;
}

interface PostgresJs {
  begin<T>(work: (sql: TransactionSql) => Promise<T>): Promise<T>;
}

/** The transaction of a tenant on one session of postgres.js. */
interface Bounds {
  readonly guard: SessionGuard;
  /** Whether the connection was lost: with the session gone, postgres.js ends the process if it sends anything. */
  isLost: boolean;
}

/** `sql` of postgres.js. */
export const postgresJs: TransactionSource = {
  fits: (db) => typeof db === 'function' && hasMethods(db, 'begin', 'unsafe'),
  async open(db, { path, guard }, work) {
    const bounds = { guard, isLost: false };
    try {
      return await (db as PostgresJs).begin((sql) =>
        unlessLost(bounds, async () => {
          requireUsable(path.tenant, await watched(bounds, sql.unsafe(path.query)));
          return work(boundSql(sql, bounds));
        }),
      );
    } finally {
      // If the connection is lost, this ends while the work is still running.
      bounds.isLost = true;
      guard.close();
    }
  },
};

/** The `sql` of a transaction that another library has begun, whose statements are not sent once it is over. */
export function guardSql<S extends Sql>(sql: S, guard: SessionGuard): S {
  return boundSql(sql, { guard, isLost: false });
}

function boundSql<S extends Sql>(sql: S, bounds: Bounds): S {
  const bound = (value: unknown): unknown => (isQuery(value) ? boundQuery(value, bounds) : value);
  return new Proxy(sql, {
    apply: (target, self, args) => bound(Reflect.apply(target, self, args)),
    get(target, key) {
      const value = Reflect.get(target, key);
      if (key === 'unsafe') return (...args: unknown[]) => bound((value as Sql)(...args));
      // It would be sent after its file is read, which may be too late.
      if (key === 'file') return undefined;
      if (key !== 'savepoint') return value;
      return (...args: unknown[]) => savepoint(value as Savepoint, args, bounds);
    },
  });
}

function savepoint(begin: Savepoint, args: readonly unknown[], bounds: Bounds): Promise<unknown> {
  const refusal = bounds.guard.refusal(null);
  if (refusal !== null) return Promise.reject(refusal);
  const last = args.at(-1);
  const names = typeof last === 'function' ? args.slice(0, -1) : [];
  // Without a function it is a template, which is one statement.
  const work = typeof last === 'function' ? (last as Sql) : (sql: Sql) => sql(...args);
  return begin(...names, (sql: Sql) => unlessLost(bounds, async () => work(boundSql(sql, bounds))));
}

/**
 * Runs work, and never settles once the connection is lost: `begin` has been rejected then, and postgres.js would send the
 * end of the transaction.
 */
async function unlessLost<T>(bounds: Bounds, work: () => Promise<T>): Promise<T> {
  const [end] = await Promise.allSettled([work()]);
  if (bounds.isLost) return new Promise(() => {});
  if (end.status === 'rejected') throw end.reason;
  return end.value;
}

function isQuery(value: unknown): value is Query {
  return value instanceof Promise && typeof (value as Query).handler === 'function';
}

function boundQuery(query: Query, bounds: Bounds): Query {
  const send = query.handler;
  query.handler = Object.assign((self: Query) => {
    const refusal = bounds.guard.refusal(self.strings[0]);
    if (refusal !== null) return self.reject(refusal);
    watched(bounds, self);
    send(self);
  }, send);
  return query;
}

/** Notices if a statement fails because its connection is lost. */
function watched<Q extends Promise<unknown>>(bounds: Bounds, query: Q): Q {
  query.catch((error: unknown) => {
    if (/^CONNECTION_/.test(String(Object(error).code))) bounds.isLost = true;
  });
  return query;
}
