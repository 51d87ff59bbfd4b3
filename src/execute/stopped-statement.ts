import { sqlstates } from '../errors.ts';
import type { Row } from '../server/answer.ts';
import { type Blocker, blockerJson, describeBlockers, toBlocker } from '../server/blockers.ts';
import type { ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { settingOrigin } from '../server/setting-origin.ts';
import type { Script } from '../sql/migration.ts';
import { locate } from '../sql/position.ts';
import { runAgain } from '../text/command-line.ts';

/** Why the server stopped a statement, and what to do about it. */
interface Stopped {
  /** The other sessions of a deadlock, in words; `null` if there was none or they have ended. */
  readonly partners: string | null;
  readonly hint: string;
}

/** Finds out why a statement of a file was stopped; `null` if it failed on its own. */
export async function whyStopped(
  session: Session,
  error: ServerError,
  script: Script,
): Promise<Stopped | null> {
  switch (error.code) {
    case sqlstates.lockNotAvailable: {
      const raise = raiseInFile(script, 'lock_timeout') ?? 'raise --lock-timeout';
      const hint = `wait until the session that holds the lock has ended, or end it with pg_terminate_backend; or ${raise}`;
      return { partners: null, hint };
    }
    case sqlstates.deadlockDetected: {
      const partners = await deadlockPartners(session, error.detail ?? '');
      return {
        partners: partners.length === 0 ? null : describeBlockers(partners),
        hint: `${runAgain(script.migration)} once the other session has ended; to avoid it, lock tables in the order in which the application does`,
      };
    }
    case sqlstates.queryCanceled:
      return { partners: null, hint: await canceledHint(session, script) };
    default:
      return null;
  }
}

/** The other sessions of a deadlock that still exist. Each line of the detail begins and ends with a process ID. */
async function deadlockPartners(session: Session, detail: string): Promise<Blocker[]> {
  const pids = detail.split('\n').flatMap((line) => {
    const numbers = line.match(/\b\d{1,9}\b/g) ?? [];
    return [numbers.at(0), numbers.at(-1)].flatMap((number) => number ?? []);
  });
  if (pids.length === 0) return [];
  const rows = await session
    .read(`select ${blockerJson('a.pid')} as blocker from pg_stat_activity a
where a.pid in (${[...new Set(pids)].join(', ')}) and a.pid <> pg_backend_pid()`)
    .catch(unknown);
  return rows.map(({ blocker }) => toBlocker(blocker));
}

/**
 * What to do about a statement that was canceled (57014): where its timeout is set (file, role, database, connection
 * string or server), or that another session canceled it.
 */
export async function canceledHint(session: Session, script: Script | null = null): Promise<string> {
  const inFile = script === null ? null : raiseInFile(script, 'statement_timeout');
  if (inFile !== null) return `${inFile}; or leave it out, since sqlmig sets none`;
  const [row] = await session
    .read(`select setting::int as ms from pg_settings where name = 'statement_timeout'`)
    .catch(unknown);
  if (row === undefined || Number(row.ms) === 0)
    return 'another session canceled the statement (pg_cancel_backend); run it again';
  const origin = await settingOrigin(session, 'statement_timeout').catch(() => 'somewhere');
  return `statement_timeout is ${row.ms}ms, set for ${origin}; raise it for sqlmig's role`;
}

/** How to raise a timeout that the file itself sets; `null` if it sets none. */
function raiseInFile({ migration: { file, text } }: Script, setting: string): string | null {
  const index = text.search(new RegExp(`\\b${setting}\\b`, 'i'));
  return index === -1 ? null : `raise ${setting} at ${file}:${locate(file, text, index).line}`;
}

// An interrupted run cancels these queries as well.
function unknown(): Row[] {
  return [];
}
