/** What the function of a transaction receives from each supported library; a transaction is passed on as it is. */
export type TransactionOf<Db> = Db extends {
  begin(options: string, work: (sql: infer Tx) => unknown): unknown;
}
  ? Tx
  : Db extends { $transaction(work: (tx: infer Tx) => Promise<unknown>): unknown }
    ? Tx
    : Db extends { transaction(): { execute(work: (trx: infer Tx) => Promise<unknown>): unknown } }
      ? Tx
      : Db extends { transaction(work: (tx: infer Tx) => Promise<unknown>): unknown }
        ? Tx
        : Db extends { connect(done: (error: never, client: infer Client) => void): void; totalCount: number }
          ? NonNullable<Client>
          : Db;
