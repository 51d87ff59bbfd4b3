import type { SessionGuard } from './guard.ts';
import type { TenantPath } from './tenant-path.ts';

/** Runs the program's work in the transaction that it receives. */
export type TransactionWork<T> = (transaction: unknown) => Promise<T>;

/** What a transaction is opened for. */
export interface Opening {
  readonly path: TenantPath;
  readonly guard: SessionGuard;
}

/** A library that has transactions. */
export interface TransactionSource {
  /** Whether a value is a pool or client of this library. */
  readonly fits: (db: unknown) => boolean;
  /**
   * Begins a transaction on a session that no other code uses, sets the tenant's path, runs the work, and commits or rolls
   * back. Nothing that the work left running is sent afterwards.
   */
  readonly open: <T>(db: unknown, opening: Opening, work: TransactionWork<T>) => Promise<T>;
}

/** Whether a value has these methods. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}
