import type { LackingDown } from '../decide/plan.ts';
import { SqlmigError } from '../errors.ts';
import { migrationLabel } from '../project/order.ts';
import { few } from '../text/few.ts';

/** The error for an applied migration that has no usable down file. */
export function lacksDown(
  lacking: LackingDown,
  {
    schema,
    who = '',
    state,
    hint,
  }: {
    readonly schema?: string;
    /** Where the migration is applied, in words. */
    readonly who?: string;
    readonly state: string;
    /** An alternative to writing the down file. */
    readonly hint?: string;
  },
): SqlmigError {
  const label = migrationLabel(lacking);
  const extra = { ...(schema !== undefined && { schema }), state };
  switch (lacking.why) {
    case 'no-file':
      return new SqlmigError('down-missing', `${label}${who} has no down file`, {
        ...extra,
        hint: `write ${label}.down.sql${hint === undefined ? '' : `, or ${hint}`}`,
      });
    case 'not-kept':
      return new SqlmigError(
        'down-missing',
        `${label}${who} has no down file here, and the history keeps none`,
        {
          ...extra,
          hint: 'undo it with a release that has its down file; the history keeps files of up to 64 KiB',
        },
      );
    default:
      return new SqlmigError(
        'down-changed',
        `the down file of ${label} that the history keeps was changed there`,
        {
          ...extra,
          hint: 'undo it with a release that has its down file, and find out who changed the history',
        },
      );
  }
}

/** The error of a tenant whose files are not undone because files of another scope are still applied there. */
export function laterNotUndone(scope: string): SqlmigError {
  return new SqlmigError(
    'tenant-failed',
    `not undone: files of scope ${scope}, which may depend on these, are still applied here`,
    { hint: 'correct what failed there and run sqlmig down again' },
  );
}

/** The error for public if tenants that depend on it are not undone; another run has migrated `tenants`. */
export function tenantsFailed(tenants: readonly string[] = []): SqlmigError {
  const why =
    tenants.length === 0
      ? 'tenants failed, and they'
      : `another run has applied migrations in ${few(tenants)}, and these`;
  return new SqlmigError('tenants-failed', `not undone: ${why} depend on public`, {
    hint: 'correct what failed in the tenants and run sqlmig down again',
  });
}
