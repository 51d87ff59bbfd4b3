/** A lock on a relation that existed before the run, in `ShareUpdateExclusiveLock` mode or a stronger one. */
export interface TakenLock {
  readonly schema: string;
  readonly relation: string;
  /** The lock mode as in pg_locks, such as `AccessExclusiveLock`. */
  readonly mode: string;
}

/** A lock of a file on a relation that existed before it: the strongest one that other sessions notice. */
export interface HeldLock extends TakenLock {
  /**
   * For how long `up` would hold it, in milliseconds: from the start of the statement that takes it to the end of the
   * transaction in which `up` runs the file. A wait for the lock counts as well.
   */
  readonly heldMs: number;
  /** The line of the statement that takes it, from 1; absent if several statements might. */
  readonly line?: number;
  /**
   * An earlier file of the rehearsal held it already, so it could not be seen: that this file takes it again follows from
   * its text. The mode may be weaker.
   */
  readonly inferred?: true;
}

/** A table or materialized view that got a new file for its rows. */
export interface RewrittenTable {
  readonly schema: string;
  readonly relation: string;
  /** `moved`: to another tablespace. `truncated`: the new file is empty, and nothing was copied. */
  readonly how: 'rewritten' | 'truncated' | 'moved';
  /** The size of the new one with its TOAST table, without indexes. */
  readonly bytes: number;
}

/** An index that was built on a table or materialized view that existed before. */
export interface BuiltIndex {
  readonly schema: string;
  readonly relation: string;
  readonly index: string;
  readonly bytes: number;
  /** There was such an index before: REINDEX, or a rewrite of its table, built it again. */
  readonly rebuilt: boolean;
}

/** The rows that a file changed in a table, by triggers and foreign keys as well. */
export interface ChangedRows {
  readonly schema: string;
  readonly relation: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

/** What a file costs. Times are in milliseconds, sizes in bytes. */
export interface Costs<Lock, Rewritten, Built, Changed> {
  readonly locks: readonly Lock[];
  readonly rewritten: readonly Rewritten[];
  readonly indexes: readonly Built[];
  /** `null` if they are not known: the server does not count them (`track_counts`), or `scratch`. */
  readonly rows: readonly Changed[] | null;
  /** What it does outside of its schema, in words, such as `locks public.plans`. */
  readonly outside: readonly string[];
}

/** What one file costs in one schema, as a rehearsal measured it. */
export interface FileCost extends Costs<HeldLock, RewrittenTable, BuiltIndex, ChangedRows> {
  /** The digits in the file name, or `null` for a repeatable. */
  readonly version: string | null;
  readonly name: string;
  readonly file: string;
  readonly durationMs: number;
  /**
   * It cannot run in the transaction of a rehearsal, for example because it is non-transactional or follows such a file:
   * it ran in a temporary database without rows. `durationMs` does not contain work on rows, and nothing else was measured.
   */
  readonly scratch?: true;
}

/** A pending file that a rehearsal did not run, or not to its end. */
export interface UnrehearsedFile {
  readonly file: string;
  /** Why, in words, such as `it is non-transactional`. */
  readonly why: string;
}

/** A figure of the schema in which it is highest. */
export type Worst<T> = Omit<T, 'schema'> & {
  /** The schema of the relation; `null` if each schema of the scope has one. */
  readonly schema: string | null;
  /** The schema with the highest figure. */
  readonly worstIn: string;
  /** Its database, if the schemas are in several. */
  readonly worstInDatabase?: string;
  /** The number of schemas in which this happens. */
  readonly schemas: number;
};

/** The highest costs of one file among the schemas in which it was rehearsed. */
export interface WorstCosts
  extends Costs<Worst<HeldLock>, Worst<RewrittenTable>, Worst<BuiltIndex>, Worst<ChangedRows>> {
  /** The digits in the file name, or `null` for a repeatable. */
  readonly version: string | null;
  readonly name: string;
  readonly file: string;
  /** The number of schemas in which it was rehearsed. */
  readonly schemas: number;
  /** The longest time. */
  readonly durationMs: number;
  /** The schema in which it took longest. */
  readonly worstIn: string;
  /** Its database, if the schemas are in several. */
  readonly worstInDatabase?: string;
  /** The sum over all these schemas. */
  readonly totalMs: number;
  /** As in `FileCost`, if this is so in all of them. */
  readonly scratch?: true;
  /** With a sample, what the file may take in all selected tenants in which it is pending. */
  readonly estimate?: CostEstimate;
}

/**
 * An estimate from a sample of the largest tenants: the time of one session that works in all tenants, one after the
 * other. The truth is usually between the two figures.
 */
export interface CostEstimate {
  /** The number of tenants in which the file is pending. */
  readonly tenants: number;
  /** The time in the sample, multiplied in proportion to the size of the tenants; `null` if no size is recorded. */
  readonly bySizeMs: number | null;
  /** The time in the sample, multiplied in proportion to the number of the tenants. */
  readonly byCountMs: number;
}

/** The sample of a rehearsal. Each database and scope of the config has its own, and these are the sums. */
export interface RehearsalSample {
  /** The number of selected tenants with pending migrations. */
  readonly tenants: number;
  /** How many of them are rehearsed. */
  readonly sampled: number;
  /** The size of all of them, in bytes, as recorded by VACUUM, ANALYZE and index builds. */
  readonly bytes: number;
  readonly sampledBytes: number;
}
