import type { FindingInSchema, ResumeObstacle } from '../decide/plan.ts';
import type { Scheduler } from '../decide/scheduler.ts';
import { SqlmigError, sqlstates, withMessage } from '../errors.ts';
import { type Blocker, describeBlockers } from '../server/blockers.ts';
import type { Target } from '../state/target.ts';
import { repairCommandLine, runAgain } from '../text/command-line.ts';
import { fewAndMore } from '../text/few.ts';
import { lacksDown } from './down-errors.ts';
import type { FleetWork } from './fleet-work.ts';

/** Why a run must not touch a schema, or `null`. */
export function schemaRefusal({ schema, plan, trouble }: Target): SqlmigError | null {
  if (trouble !== null) return trouble;
  const [lacking] = plan.undo?.lacking ?? [];
  if (lacking !== undefined) return lacksDown(lacking, { schema, state: 'not touched' });
  const { refusal } = plan;
  if (refusal === null) return null;
  const extra = { schema, file: refusal.file, state: 'not touched' };
  switch (refusal.kind) {
    case 'checksum-changed':
      return new SqlmigError('checksum-changed', refusal.message, {
        ...extra,
        hint: 'restore the file and write a new migration; --ignore-changed continues anyway',
      });
    case 'out-of-order':
      return new SqlmigError('out-of-order', refusal.message, {
        ...extra,
        hint: 'give the file a higher version, or allow it with --out-of-order',
      });
    case 'baseline-incomplete':
      return new SqlmigError('baseline-incomplete', refusal.message, {
        ...extra,
        hint: 'finish with the release that still has the replaced files, then run this one',
      });
    default:
      return new SqlmigError('incomplete', refusal.message, {
        ...extra,
        hint:
          plan.undo === undefined || plan.obstacle !== null
            ? incompleteHint(schema, refusal, plan.obstacle)
            : `settle it first, with a release that has its file: ${repairCommandLine(schema, refusal, '--resume')}`,
      });
  }
}

function incompleteHint(schema: string, refusal: FindingInSchema, obstacle: ResumeObstacle | null): string {
  switch (obstacle) {
    case 'file-missing':
      return 'restore the file, then run sqlmig up again';
    case 'file-changed':
      return changedFileHint(schema, refusal);
    default:
      return `settle it with: ${repairCommandLine(schema, refusal, '--resume')}`;
  }
}

/** What to do about a file that changed after it was started. */
export function changedFileHint(
  schema: string,
  migration: Pick<FindingInSchema, 'name'> & { readonly version?: string | null | undefined },
): string {
  const settle = repairCommandLine(schema, migration, '--mark-applied');
  return `restore the original file, since progress is recorded by statement number; or run the missing statements manually, then: ${settle}`;
}

/** The error of a run that could not flush its commits in this many tenants. */
export function notConfirmed(
  error: SqlmigError,
  tenants: number,
  { undoes }: { readonly undoes?: true } = {},
): SqlmigError {
  const { message, details } = error;
  const who = tenants === 1 ? '1 tenant is' : `${tenants} tenants are`;
  return new SqlmigError(error.code, message, {
    sqlstate: details.sqlstate,
    state: `${who} not confirmed: the server may have lost what was committed there`,
    hint: `once the server is back, ${runAgain(undoes ? { undoes } : {})}: it ${undoes ? 'undoes' : 'applies'} what was lost, and finds the rest up to date`,
    cause: error,
  });
}

/** The error of a schema that an interrupted run skipped, rolled back, or left incomplete with this error. */
export function interrupted(incomplete?: SqlmigError): SqlmigError {
  const {
    file,
    statement,
    statements,
    state,
    hint = 'run the same command again to continue',
  } = incomplete?.details ?? {};
  const at = { file, statement, statements, state };
  return new SqlmigError('interrupted', 'the run was interrupted', { ...at, hint });
}

/** The error of a schema that was not started after this many failures. */
export function stopped(failures: number, isLogged: boolean): SqlmigError {
  return new SqlmigError(
    'stopped',
    `not started: ${failures} ${failures === 1 ? 'tenant' : 'tenants'} failed before it`,
    {
      hint: isLogged
        ? 'correct what failed, then continue with: sqlmig up --only-failed'
        : '--max-failures lets a run continue after failures',
    },
  );
}

/** The error of a tenant that was not started because public failed. */
export function publicFailed(): SqlmigError {
  return new SqlmigError('public-failed', 'not started: public failed, and tenants depend on it', {
    hint: 'correct what failed in public and run sqlmig up again',
  });
}

/** The error of a tenant that was not started because files that run first failed there, or were not started. */
export function earlierFailed(scope: string): SqlmigError {
  return new SqlmigError(
    'tenant-failed',
    `not started: files of scope ${scope}, which run first, are not applied here`,
    {
      hint: 'correct what failed, then continue with: sqlmig up --only-failed',
    },
  );
}

/** The error of a schema that was not started because these canaries failed. */
function canaryFailed(canaries: readonly string[]): SqlmigError {
  const who = `${canaries.length === 1 ? 'canary' : 'canaries'} ${fewAndMore(canaries, 5)}`;
  return new SqlmigError('stopped', `not started: ${who} failed`, {
    hint: 'correct what failed in the canary and run sqlmig up again',
  });
}

/** The error of a schema that was not started because the check of the canaries failed. */
function checkFailed(): SqlmigError {
  return new SqlmigError('stopped', 'not started: the check of the canaries failed', {
    hint: 'the error of the check says how to continue',
  });
}

/** The error of a schema that was not started, or not continued, because the run starts nothing more. */
export function stopError(
  { stopped: why, failures }: Pick<Scheduler<never>, 'stopped' | 'failures'>,
  { signal, isLogged = false }: Pick<FleetWork, 'signal' | 'isLogged'>,
): SqlmigError {
  if (signal.aborted) return interrupted();
  if (why === 'check') return checkFailed();
  return why === 'canaries' ? canaryFailed(failures.failedCanaries) : stopped(failures.tenants, isLogged);
}

/** The error of a schema that was dropped or renamed during the run; `listed`: the tenant list still has it. */
export function gone(listed: boolean): SqlmigError {
  const what = 'the schema is gone: it was dropped or renamed during the run';
  return listed
    ? new SqlmigError('schema-missing', `${what}, and the tenant list still has it`, {
        hint: 'remove it from the list, or create it again with: sqlmig tenant create',
      })
    : new SqlmigError('schema-missing', `${what}, and the tenant list no longer has it`, {});
}

/** The error of a tenant that was removed from the list before its schema was created. */
export function delisted(): SqlmigError {
  return new SqlmigError('schema-missing', 'not created: the tenant list no longer has it', {});
}

/** The error of a schema whose history was dropped or renamed during the run. */
export function historyMissing(): SqlmigError {
  return new SqlmigError('history-missing', 'the history table disappeared during the run', {
    state: 'nothing is applied again',
    hint: 'find out what dropped or renamed it, and restore it',
  });
}

/** The error of a file that never got a lock, with the sessions seen to hold it. */
export function blocked(error: SqlmigError, blockers: readonly Blocker[]): SqlmigError {
  if (error.details.sqlstate !== sqlstates.lockNotAvailable || blockers.length === 0) return error;
  return withMessage(error, `${error.message}: blocked by ${describeBlockers(blockers)}`);
}

/** The error of a schema whose lock another run held for too long. */
export function gaveUp(waitedMs: number, holders: string): SqlmigError {
  return new SqlmigError(
    'lock-timeout',
    `gave up after ${Math.round(waitedMs / 1000)} s without progress: ${holders}`,
    {
      state: 'not touched',
      hint: 'wait for the other run, or end its backend; --wait-for-lock sets how long to wait',
    },
  );
}
