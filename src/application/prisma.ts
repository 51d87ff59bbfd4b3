import { hasMethods, type TransactionSource } from './open-transaction.ts';
import { requireUsable } from './tenant-path.ts';

interface Transaction {
  $queryRawUnsafe(text: string): Promise<readonly unknown[]>;
}

interface Database {
  $transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
}

/** A client of Prisma, which itself sends no statement of a transaction that has ended. Its models ignore `search_path`. */
export const prisma: TransactionSource = {
  fits: (db) => hasMethods(db, '$transaction', '$queryRawUnsafe'),
  open: (db, { path }, work) =>
    (db as Database).$transaction(async (tx) => {
      requireUsable(path.tenant, await tx.$queryRawUnsafe(path.query));
      return work(tx);
    }),
};
