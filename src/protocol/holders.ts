import { describeApplication } from '../server/application.ts';
import { type Blocker, blockerJson, toBlocker } from '../server/blockers.ts';
import type { Session } from '../server/session.ts';
import { isOurLock, lockedObject, lockObjects } from './keys.ts';

/** A session that holds or waits for one of sqlmig's keys. */
export interface Holder {
  /** The schema, or `(fleet)`, `(marker)`, `(bootstrap)`, `(shared)`; `(name)` for a name that a schema is about to get. */
  readonly key: string;
  readonly granted: boolean;
  readonly exclusive: boolean;
  /** The backend. */
  readonly pid: number;
  /** Its application_name: `sqlmig <run> <activity> <host>`. */
  readonly application: string;
  readonly seconds: number;
  /** Its state in pg_stat_activity. */
  readonly activity: string;
  /** Address of the client; `null` on a local socket. */
  readonly client: string | null;
  /** The phase of the index build it runs, and the backend that the build waits for. */
  readonly indexBuild: { readonly phase: string; readonly waitsFor: number | null } | null;
  /** The sessions it waits for, for any lock. */
  readonly blockers: readonly Blocker[];
}

const sharedKeys = Object.entries(lockObjects).map(([name, id]) => `when ${id} then '(${name})'`);
const newName = '(name)';

// pg_blocking_pids is called for waiting sessions only, since it briefly locks the lock manager of the whole server.
const query = `with ours as (select * from pg_catalog.pg_locks
  where ${isOurLock}
    and database = (select oid from pg_catalog.pg_database where datname = current_database())),
blocked as (select w.pid, (select json_agg(${blockerJson('b.pid')} order by a.xact_start, b.pid)
    from (select distinct unnest(pg_blocking_pids(w.pid))) b (pid) left join pg_catalog.pg_stat_activity a on a.pid = b.pid) as blockers
  from pg_catalog.pg_stat_activity w where w.pid in (select pid from ours) and coalesce(w.wait_event_type, 'Lock') = 'Lock')
select case ${lockedObject} ${sharedKeys.join(' ')} else coalesce(n.nspname, (${lockedObject})::text, '${newName}') end as key,
  l.granted, l.mode like 'Exclusive%' as exclusive, l.pid, coalesce(a.application_name, '') as application,
  coalesce(extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.state_change)), 0)::int as seconds,
  coalesce(a.state, 'unknown') as activity, host(a.client_addr) as client, p.phase, nullif(p.current_locker_pid, 0)::int as locker, b.blockers
from ours l
left join pg_catalog.pg_namespace n on n.oid = ${lockedObject}
left join pg_catalog.pg_stat_activity a on a.pid = l.pid
left join pg_catalog.pg_stat_progress_create_index p on p.pid = l.pid
left join blocked b on b.pid = l.pid
order by l.objid, l.granted desc, l.pid`;

/** Returns the sessions that hold or wait for sqlmig's keys in this database. */
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
    blockers: Array.isArray(row.blockers) ? row.blockers.map(toBlocker) : [],
  }));
}

/** Whether the key is a schema's, and not one shared by all tenants. */
export function isSchemaKey({ key }: Holder): boolean {
  return key !== newName && !Object.keys(lockObjects).some((name) => key === `(${name})`);
}

/** Describes the holders of a schema's key and of the keys shared by all tenants. */
export function describeHolders(holders: readonly Holder[], schema: string): string {
  const held = holders.filter(
    (holder) => holder.granted && [schema, '(fleet)', '(shared)', newName].includes(holder.key),
  );
  if (held.length === 0) return 'its lock is free again';
  return held
    .map(({ key, application, pid, seconds }) => {
      const who = describeApplication(application);
      return `${key} is held by ${who} (backend ${pid}, ${seconds} s)`;
    })
    .join('; ');
}

/** Terminates a backend; returns whether the server found it. */
export async function terminateBackend(session: Session, pid: number): Promise<boolean> {
  const [row] = await session.read(`select pg_terminate_backend(${Math.trunc(pid)}) as done`);
  return row?.done === true;
}
