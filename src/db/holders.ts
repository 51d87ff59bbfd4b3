import { lockClass, lockObjects } from './keys.ts';
import type { Session } from './session.ts';

/** A session that holds or waits for one of our keys. */
export interface Holder {
  /** The schema, or `(fleet)`, `(marker)`, `(bootstrap)`, `(shared)`. */
  readonly key: string;
  readonly granted: boolean;
  readonly exclusive: boolean;
  /** The backend. */
  readonly pid: number;
  /** As set by the unit: `sqlmig <run> <version> <host>`. */
  readonly application: string;
  readonly seconds: number;
  /** What its session does, as in pg_stat_activity. */
  readonly activity: string;
  /** Address of the client; `null` on a local socket. */
  readonly client: string | null;
  /** Phase of a running index build, and the backend it waits for. */
  readonly indexBuild: { readonly phase: string; readonly waitsFor: number | null } | null;
}

const query = `select case l.objid when ${lockObjects.fleet} then '(fleet)' when ${lockObjects.marker} then '(marker)'
    when ${lockObjects.bootstrap} then '(bootstrap)' when ${lockObjects.shared} then '(shared)' else coalesce(n.nspname, l.objid::text) end as key,
  l.granted, l.mode like 'Exclusive%' as exclusive, l.pid, coalesce(a.application_name, '') as application,
  coalesce(extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.state_change)), 0)::int as seconds,
  coalesce(a.state, 'unknown') as activity, host(a.client_addr) as client, p.phase, nullif(p.current_locker_pid, 0)::int as locker
from pg_catalog.pg_locks l
left join pg_catalog.pg_namespace n on n.oid = l.objid
left join pg_catalog.pg_stat_activity a on a.pid = l.pid
left join pg_catalog.pg_stat_progress_create_index p on p.pid = l.pid
where l.locktype = 'advisory' and l.classid = ${lockClass} and l.objsubid = 2
  and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
order by l.objid, l.granted desc, l.pid`;

/** Who holds or waits for our keys in this database. */
export async function readHolders(session: Session): Promise<Holder[]> {
  const rows = await session.read(query);
  return rows.map((row) => ({
    key: String(row.key),
    granted: row.granted === true,
    exclusive: row.exclusive === true,
    pid: Number(row.pid),
    application: String(row.application),
    seconds: Number(row.seconds),
    activity: String(row.activity),
    client: row.client as string | null,
    indexBuild:
      typeof row.phase === 'string' ? { phase: row.phase, waitsFor: row.locker as number | null } : null,
  }));
}

/** The holders of a schema's key and of those that all tenants have in common, in words. */
export function describeHolders(holders: readonly Holder[], schema: string): string {
  const held = holders.filter(
    (holder) => holder.granted && [schema, '(fleet)', '(shared)'].includes(holder.key),
  );
  if (held.length === 0) return 'nobody holds its lock any more';
  return held
    .map(({ key, application, pid, seconds }) => {
      const who = describeApplication(application);
      return `${key} is held by ${who} (backend ${pid}, ${seconds} s)`;
    })
    .join('; ');
}

/** Who an application name stands for, in words. */
export function describeApplication(application: string): string {
  const work = runOf(application);
  return work === null ? application || 'unknown' : `run ${work.run} at ${work.doing} on ${work.host}`;
}

/** The run that an application name stands for, as set by its units; `null` for any other. */
export function runOf(application: string): { run: string; doing: string; host: string } | null {
  const [, run, doing, host] = /^sqlmig (\S+) (\S+) ?(.*)$/.exec(application) ?? [];
  return run === undefined || doing === undefined ? null : { run, doing, host: host || 'unknown host' };
}

/** Ends a backend. Gives whether the server found it. */
export async function terminateBackend(session: Session, pid: number): Promise<boolean> {
  const [row] = await session.read(`select pg_terminate_backend(${Math.trunc(pid)}) as done`);
  return row?.done === true;
}
