import { SqlmigError } from '../errors.ts';

/**
 * Guards the session of one transaction: drivers would still send what is left running, and the session may already be
 * in a transaction of another tenant.
 */
export interface SessionGuard {
  readonly isOpen: boolean;
  /** Refuses all statements from now on: the work is done, or cannot be. */
  close(): void;
  /** Whether the transaction itself has ended, which may be before the work has if the connection is lost. */
  readonly hasEnded: boolean;
  /** Notes that the transaction has ended. */
  end(): void;
  /** The error for a statement that the transaction does not take; `null` for all others. */
  refusal(text: unknown): SqlmigError | null;
}

// Only the statement at the beginning of a text: this is no protection against SQL that is written to avoid it.
const control =
  /^\s*(?:begin|start\s+transaction|commit|end|abort|rollback(?!\s+(?:work\s+|transaction\s+)?to\b)|prepare\s+transaction)\b/i;

/** The guard of a transaction of a tenant. */
export function createGuard(tenant: string): SessionGuard {
  let isOpen = true;
  let hasEnded = false;
  return {
    get isOpen() {
      return isOpen;
    },
    get hasEnded() {
      return hasEnded;
    },
    close() {
      isOpen = false;
    },
    end() {
      isOpen = false;
      hasEnded = true;
    },
    refusal(text) {
      if (!isOpen) return transactionOver(tenant);
      if (typeof text !== 'string' || !control.test(text)) return null;
      return new SqlmigError(
        'bad-usage',
        `forTenant begins and ends the transaction of ${JSON.stringify(tenant)} itself`,
        { schema: tenant, state: 'the statement was not sent', hint: 'use a savepoint' },
      );
    },
  };
}

/** The error for the use of a transaction that has ended. */
export function transactionOver(tenant: string): SqlmigError {
  return new SqlmigError(
    'transaction-over',
    `the transaction of the tenant ${JSON.stringify(tenant)} has ended`,
    {
      schema: tenant,
      state: 'the statement was not sent',
      hint: 'await every statement in the function that is passed to forTenant',
    },
  );
}
