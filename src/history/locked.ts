import { SqlmigError, sqlstates } from '../errors.ts';
import { blockerJson, describeBlocker, toBlocker } from '../server/blockers.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';

/** How long reading waits for tables that somebody has locked exclusively, and who hears of it. */
export interface LockWait {
  readonly ms: number;
  /** Hears now and then for which schema it waits, since when, and who is in the way. */
  readonly tell: (schema: string, waitedMs: number, holders: string) => void;
}

/** What commands wait that were not told. */
export const readingWaitMs = 30_000;

const readingWait: LockWait = { ms: readingWaitMs, tell() {} };
// The server is asked who is in the way after the first of these, and now and then from then on.
const tryMs = 2_000;
const noticeEveryMs = 10_000;

/** What a reader is after. */
export interface Wanted {
  /** It, in words. */
  readonly what: string;
  /** The schema named in the notice of a wait, where no other is to blame. */
  readonly schema: string;
  /** The tables in question, as SQL; `null`: any. */
  readonly tables: readonly string[] | null;
}

/**
 * Reads tables that somebody may have locked: a wait is reported, and ends. `read` sends its query behind the SQL that it is
 * given, in one transaction.
 * @throws SqlmigError `lock-timeout` naming who holds the lock; else what `read` throws.
 */
export async function readLocked<T>(
  { session, wait = readingWait }: { readonly session: Session; readonly wait?: LockWait },
  wanted: Wanted,
  read: (limit: string) => Promise<T>,
): Promise<T> {
  const since = performance.now();
  let toldAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    const left = Math.max(1, Math.ceil(wait.ms - (performance.now() - since)));
    try {
      return await read(`SET LOCAL lock_timeout = ${Math.min(tryMs, left)};\n`);
    } catch (error) {
      if (!isServerError(error) || error.code !== sqlstates.lockNotAvailable) throw error;
      const now = performance.now();
      const waitedMs = Math.round(now - since);
      const { schema, who } = await lockHolder(session, wanted);
      if (waitedMs >= wait.ms) throw stillLocked(wanted, schema, who, waitedMs, error);
      if (now - toldAt < noticeEveryMs) continue;
      toldAt = now;
      wait.tell(schema, waitedMs, who);
    }
  }
}

/** Who is in the way of reading, and where, in words. */
async function lockHolder(
  session: Session,
  { schema, tables }: Wanted,
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
  if (row === undefined) return { schema, who: 'nobody holds the lock any more' };
  const who = `${row.schema}.${row.relation} is locked by ${describeBlocker(toBlocker(row.holder))}`;
  return { schema: String(row.schema), who };
}

function stillLocked(
  { what }: Wanted,
  schema: string,
  who: string,
  waitedMs: number,
  cause: unknown,
): SqlmigError {
  const message = `gave up after ${Math.round(waitedMs / 1000)} s, cannot read ${what}: ${who}`;
  return new SqlmigError('lock-timeout', message, {
    schema,
    hint: 'wait until that transaction ends, or end its backend; up waits as long as --wait-for-lock says',
    cause,
  });
}
