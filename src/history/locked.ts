import { SqlmigError, sqlstates } from '../errors.ts';
import { blockerJson, describeBlocker, toBlocker } from '../server/blockers.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';

/** How long reading waits for tables that another session has locked exclusively. */
export interface LockWait {
  readonly ms: number;
  /** Is called from time to time with the schema waited for, how long so far, and which session blocks it. */
  readonly onWait: (schema: string, waitedMs: number, holders: string) => void;
}

/** The default wait. */
export const readingWaitMs = 30_000;

const readingWait: LockWait = { ms: readingWaitMs, onWait() {} };
// After each try the server is asked which session blocks it.
const tryMs = 2_000;
const noticeEveryMs = 10_000;

/** What is read. */
export interface ReadSubject {
  /** In words, for messages. */
  readonly what: string;
  /** The schema to name in messages if the locked table is unknown. */
  readonly schema: string;
  /** The tables, as SQL; `null` for any. */
  readonly tables: readonly string[] | null;
}

/**
 * Reads tables that another session may have locked, and reports the wait. `read` must prefix its query with the SQL it
 * receives, in one transaction.
 * @throws SqlmigError `lock-timeout`, naming the session that holds the lock; otherwise whatever `read` throws.
 */
export async function readLocked<T>(
  { session, wait = readingWait }: { readonly session: Session; readonly wait?: LockWait },
  subject: ReadSubject,
  read: (limit: string) => Promise<T>,
): Promise<T> {
  const since = performance.now();
  let reportedAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    const left = Math.max(1, Math.ceil(wait.ms - (performance.now() - since)));
    try {
      return await read(`SET LOCAL lock_timeout = ${Math.min(tryMs, left)};\n`);
    } catch (error) {
      if (!isServerError(error) || error.code !== sqlstates.lockNotAvailable) throw error;
      const now = performance.now();
      const waitedMs = Math.round(now - since);
      const { schema, who } = await lockHolder(session, subject);
      if (waitedMs >= wait.ms) throw stillLocked(subject.what, { schema, who, waitedMs }, error);
      if (now - reportedAt < noticeEveryMs) continue;
      reportedAt = now;
      wait.onWait(schema, waitedMs, who);
    }
  }
}

/** Returns which session blocks the read, in words, and in which schema. */
async function lockHolder(
  session: Session,
  { schema, tables }: ReadSubject,
): Promise<{ schema: string; who: string }> {
  const among = (tables ?? []).map((table) => `to_regclass(${quoteLiteral(table)})`);
  const [row] =
    await session.read(`select n.nspname as schema, c.relname as relation, ${blockerJson('l.pid')} as holder
from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
left join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid <> pg_backend_pid()
  and l.database = (select oid from pg_database where datname = current_database())
  and ${tables === null ? `c.relkind in ('r', 'p') and n.nspname !~ '^pg_'` : `l.relation in (${among.join(', ')})`}
order by l.granted desc, a.xact_start limit 1`);
  if (row === undefined) return { schema, who: 'the lock is free again' };
  const who = `${row.schema}.${row.relation} is locked by ${describeBlocker(toBlocker(row.holder))}`;
  return { schema: String(row.schema), who };
}

function stillLocked(
  what: string,
  { schema, who, waitedMs }: { readonly schema: string; readonly who: string; readonly waitedMs: number },
  cause: unknown,
): SqlmigError {
  const message = `gave up after ${Math.round(waitedMs / 1000)} s, cannot read ${what}: ${who}`;
  return new SqlmigError('lock-timeout', message, {
    schema,
    hint: 'wait for that transaction to end, or end its backend; for up, --wait-for-lock sets how long to wait',
    cause,
  });
}
