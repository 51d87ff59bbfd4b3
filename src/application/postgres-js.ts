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

/** The bounds of a transaction on one session of postgres.js. */
interface Bounds {
  readonly guard: SessionGuard;
  /** The error of a statement that failed because the connection was lost. */
  lost: unknown;
}

/** `sql` of postgres.js. */
export const postgresJs: TransactionSource = {
  fits: (db) => typeof db === 'function' && hasMethods(db, 'begin', 'unsafe'),
  open(db, { path, guard }, work) {
    return (db as PostgresJs).begin((sql) =>
      withinSql(sql, guard, async (bound) => {
        requireUsable(path.tenant, await bound.unsafe(path.query));
        return work(bound);
      }),
    );
  },
};

/** Runs work in a transaction that has begun, with an `sql` that sends nothing once the transaction is over. */
export function withinSql<S extends Sql, T>(
  sql: S,
  guard: SessionGuard,
  work: (sql: S) => Promise<T>,
): Promise<T> {
  const bounds = { guard, lost: null };
  return unlessLost(bounds, () => work(boundSql(sql, bounds)));
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
  return new Promise((resolve, reject) => {
    const bound = (sql: Sql) => unlessLost(bounds, async () => work(boundSql(sql, bounds)), reject);
    begin(...names, bound).then(resolve, reject);
  });
}

/**
 * Runs work, and never settles once the connection is lost: `begin` has been rejected then, and postgres.js would still
 * send the end of the transaction, which ends the process (TypeError: socket is null). `onLost` receives the error.
 */
async function unlessLost<T>(
  bounds: Bounds,
  work: () => Promise<T>,
  onLost: (error: unknown) => void = () => {},
): Promise<T> {
  const [end] = await Promise.allSettled([work()]);
  const lost = bounds.lost ?? (bounds.guard.hasEnded ? bounds.guard.refusal(null) : null);
  if (lost !== null) {
    onLost(lost);
    return new Promise(() => {});
  }
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
    self.catch((error: unknown) => {
      if (/^CONNECTION_/.test(String(Object(error).code))) bounds.lost = error;
    });
    send(self);
  }, send);
  return query;
}
