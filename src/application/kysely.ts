import type { SessionGuard } from './guard.ts';
import { hasMethods, type TransactionSource } from './open-transaction.ts';
import { requireUsable } from './tenant-path.ts';

interface Plugin {
  transformQuery(args: { readonly node: unknown }): unknown;
  transformResult(args: { readonly result: unknown }): Promise<unknown>;
}

interface Transaction {
  executeQuery(query: unknown, ...rest: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
  getExecutor(): { provideConnection(work: () => Promise<void>): Promise<void> };
  withPlugin(plugin: Plugin): Transaction;
}

interface Database {
  transaction(): { execute<T>(work: (trx: Transaction) => Promise<T>): Promise<T> };
}

/** A database of Kysely. */
export const kysely: TransactionSource = {
  fits: (db) => hasMethods(db, 'transaction', 'getExecutor'),
  open(db, { path, guard }, work) {
    return (db as Database).transaction().execute(async (trx) => {
      const { rows } = await trx.executeQuery(rawQuery(path.query));
      requireUsable(path.tenant, rows);
      try {
        return await work(guardTransaction(trx, guard));
      } finally {
        // Kysely queues the queries of a transaction, but not its end: those that were queued are sent first.
        await trx.getExecutor().provideConnection(async () => {});
      }
    });
  },
};

/** A statement as Kysely compiles it. */
function rawQuery(sql: string): unknown {
  return {
    sql,
    parameters: [],
    query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
    queryId: { queryId: 'sqlmig' },
  };
}

function guardTransaction(trx: Transaction, guard: SessionGuard): Transaction {
  const requireOpen = (text: unknown) => {
    const refusal = guard.refusal(text);
    if (refusal !== null) throw refusal;
  };
  const guarded = trx.withPlugin({
    transformQuery({ node }) {
      requireOpen(null);
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  const execute = guarded.executeQuery.bind(guarded);
  guarded.executeQuery = async (query, ...rest) => {
    requireOpen((query as { readonly sql?: unknown }).sql);
    return execute(query, ...rest);
  };
  return guarded;
}
