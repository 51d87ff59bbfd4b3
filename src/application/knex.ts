import { hasMethods, type TransactionSource } from './open-transaction.ts';
import { requireUsable } from './tenant-path.ts';

interface Transaction {
  raw(text: string): Promise<{ readonly rows: readonly unknown[] }>;
}

interface Database {
  transaction<T>(work: (trx: Transaction) => Promise<T>): Promise<T>;
}

/** `knex`, which itself sends no statement of a transaction that has ended. */
export const knex: TransactionSource = {
  fits: (db) => typeof db === 'function' && hasMethods(db, 'transaction', 'raw'),
  open: (db, { path }, work) =>
    (db as Database).transaction(async (trx) => {
      // A question mark in a name is no placeholder.
      const { rows } = await trx.raw(path.query.replaceAll('?', '\\?'));
      requireUsable(path.tenant, rows);
      return work(trx);
    }),
};
