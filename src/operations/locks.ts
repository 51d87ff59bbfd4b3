import type { Config } from '../config.ts';
import { type Holder, readHolders, terminateBackend } from '../db/holders.ts';
import { SqlmigError } from '../errors.ts';
import type { Finding } from '../model.ts';
import { findingsOf } from '../run/findings.ts';
import { type InspectOptions, inspect, surveyed } from '../run/inspect.ts';
import { ownSignal, withRun } from '../run/run.ts';

/** Who holds or waits for our locks, and what was left without one. */
export interface LocksResult {
  readonly holders: readonly Holder[];
  /** Migrations recorded as running whose lock nobody holds. */
  readonly interrupted: readonly Finding[];
}

/**
 * Lists the sessions that hold or wait for our locks in the config's database, and interrupted migrations.
 * @throws SqlmigError where it cannot begin.
 */
export async function locks(config: Config, options: InspectOptions = {}): Promise<LocksResult> {
  const holders = await withRun(config, outside(options), ({ look }) => look(readHolders));
  const inspection = await inspect(config, options);
  const findings = surveyed(inspection).flatMap((target) => findingsOf(target, inspection.database));
  return { holders, interrupted: findings.filter(({ kind }) => kind === 'failed') };
}

/**
 * Ends a session that holds or waits for one of our locks, where `confirm`, asked with it, says so.
 * @throws SqlmigError `bad-usage` where the backend has none of our locks.
 */
export async function killHolder(
  config: Config,
  pid: number,
  confirm: (holder: Holder) => boolean | Promise<boolean>,
  options: InspectOptions = {},
): Promise<{ readonly holder: Holder; readonly killed: boolean }> {
  return withRun(config, outside(options), async ({ look }) => {
    const holder = (await look(readHolders)).find((candidate) => candidate.pid === pid);
    if (holder === undefined) {
      throw new SqlmigError('bad-usage', `backend ${pid} neither holds nor waits for a lock of sqlmig`, {
        state: 'nothing was ended',
        hint: 'sqlmig locks lists those that do',
      });
    }
    const killed = (await confirm(holder)) && (await look((session) => terminateBackend(session, pid)));
    return { holder, killed };
  });
}

function outside({ onEvent = () => {}, signal }: InspectOptions) {
  return { emit: onEvent, signal: ownSignal(signal) };
}
