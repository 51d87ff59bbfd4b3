import { SqlmigError } from '../errors.ts';
import type { ErrorDetails } from '../results.ts';

/** The error for files that a snapshot cannot replace. */
export type Refuse = (why: string, hint?: string) => SqlmigError;

/** Errors for the files of all tenants, or of a kind. */
export function refusing(kind: string | null): Refuse {
  const files = kind === null ? 'the tenant files' : `the files of scope ${kind}`;
  return (why, hint = 'new tenants are built from the files as long as there is no snapshot') =>
    new SqlmigError('snapshot-refused', `cannot write a snapshot of ${files}: ${why}`, {
      state: 'nothing was written',
      hint,
    });
}

/** @throws SqlmigError `snapshot-refused` if files could not be replayed. */
export function requireReplayed(error: ErrorDetails | null): void {
  if (error === null) return;
  const { message, hint, state: _, code: __, ...rest } = error;
  throw new SqlmigError('snapshot-refused', `the files cannot be replayed: ${message}`, {
    ...rest,
    state: 'nothing was written',
    hint: hint ?? 'correct the files; sqlmig verify --structure replays them, too',
  });
}
