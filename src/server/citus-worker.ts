import { SqlmigError } from '../errors.ts';
import type { Session } from './session.ts';

/**
 * Refuses a worker of Citus: it has copies of the tenants' names, but its own public and locks.
 * @throws SqlmigError `config-invalid`.
 */
export async function refuseWorker(session: Session): Promise<void> {
  const { isCitus, host } = session.server;
  if (!isCitus) return;
  // The group of the coordinator is 0.
  const [group] = await session.read('select groupid <> 0 as worker from pg_dist_local_group');
  if (group?.worker !== true) return;
  throw new SqlmigError('config-invalid', `${host} is a worker of Citus, not its coordinator`, {
    state: 'nothing was touched',
    hint: 'connect to the coordinator',
  });
}
