import type { Row } from './answer.ts';
import { describeApplication } from './application.ts';

/** A session that blocks another, as in pg_stat_activity. Columns that our role may not read are `null`. */
export interface Blocker {
  /** The backend; 0 is a prepared transaction, as in pg_blocking_pids(). */
  readonly pid: number;
  readonly user: string | null;
  readonly application: string;
  /** Address of the client; `null` on a local socket. */
  readonly client: string | null;
  /** Such as `active` or `idle in transaction`. */
  readonly state: string | null;
  /** How long its transaction has been open. */
  readonly seconds: number | null;
  /** How its query begins. */
  readonly query: string | null;
}

/** SQL: a row `a` of pg_stat_activity as JSON for `toBlocker`; `pid` is SQL of the backend, where there may be no row. */
export function blockerJson(pid: string): string {
  return `json_build_object('pid', ${pid}, 'user', a.usename,
    'application', coalesce(nullif(a.application_name, ''), nullif(a.backend_type, 'client backend'), ''),
    'client', host(a.client_addr), 'state', a.state,
    'seconds', extract(epoch from clock_timestamp() - a.xact_start)::int,
    'query', left(regexp_replace(a.query, '\\s+', ' ', 'g'), 80))`;
}

/** Reads the result of `blockerJson`. */
export function toBlocker(json: unknown): Blocker {
  const { pid, user, application, client, state, seconds, query } = json as Row;
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null);
  return {
    pid: Number(pid),
    user: text(user),
    application: text(application) ?? '',
    client: text(client),
    state: text(state),
    seconds: typeof seconds === 'number' ? seconds : null,
    // The statement may set one.
    query: text(query)?.replace(/\b(password)\b.*/i, '$1 …') ?? null,
  };
}

/** A blocker in words. */
export function describeBlocker({ pid, user, application, client, state, seconds, query }: Blocker): string {
  if (pid === 0) return 'a prepared transaction (see pg_prepared_xacts)';
  const who = [user, describeApplication(application), client].filter((part) => part !== null).join(', ');
  const since = seconds === null ? '' : ` for ${seconds} s`;
  return `backend ${pid} (${who}), ${state ?? 'open'}${since}${query === null ? '' : `: ${query}`}`;
}

/** Blockers in words, three of them. */
export function describeBlockers(blockers: readonly Blocker[]): string {
  const more = blockers.length > 3 ? `; and ${blockers.length - 3} more` : '';
  return blockers.slice(0, 3).map(describeBlocker).join('; ') + more;
}
