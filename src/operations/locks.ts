import { SqlmigError } from '../errors.ts';
import { type Config, requireConfig } from '../project/config.ts';
import { callback, checkOptions, checkValue, wholeNumber, yesOrNo } from '../project/option.ts';
import { type Holder, readHolders, terminateBackend } from '../protocol/holders.ts';
import type { Finding } from '../results.ts';
import { ownListener } from '../run/listener.ts';
import { ownSignal, withRun } from '../run/run.ts';
import { runOf } from '../server/application.ts';
import { findingsOf } from '../state/findings.ts';
import { allTargets, type ReadOptions, readForCommand, readKinds } from '../state/reading.ts';

/** Who holds or waits for our locks, and what was left without one. */
export interface LocksResult {
  readonly holders: readonly Holder[];
  /** Migrations recorded as running whose lock nobody holds. */
  readonly incomplete: readonly Finding[];
}

/**
 * Lists the sessions that hold or wait for our locks in the config's database, and incomplete migrations.
 * @throws SqlmigError where it cannot begin.
 */
export async function locks(config: Config, options: ReadOptions = {}): Promise<LocksResult> {
  requireConfig(config);
  checkOptions(options, readKinds);
  const holders = await withRun(config, outside(options), ({ read }) => read(readHolders));
  const reading = await readForCommand(config, options);
  const findings = allTargets(reading).flatMap((target) => findingsOf(target, reading.database));
  return { holders, incomplete: findings.filter(({ kind }) => kind === 'incomplete') };
}

/** What became of a session that was to be ended. */
export interface KillResult {
  readonly holder: Holder;
  readonly killed: boolean;
  /** What its run does now, in words; `null` where it was no run's session, or is still there. */
  readonly next: string | null;
}

/**
 * Ends a session that holds or waits for one of our locks, where `confirm`, asked with it, says so.
 * @throws SqlmigError `bad-usage` where the backend has none of our locks.
 */
export async function killHolder(
  config: Config,
  pid: number,
  confirm: (holder: Holder) => boolean | Promise<boolean>,
  options: ReadOptions = {},
): Promise<KillResult> {
  requireConfig(config);
  checkValue('argument pid', pid, wholeNumber());
  checkValue('argument confirm', confirm, callback);
  checkOptions(options, readKinds);
  return withRun(config, outside(options), async ({ read }) => {
    // It has keys that all tenants share as well; a schema's comes last, and says more.
    const holder = (await read(readHolders)).findLast((candidate) => candidate.pid === pid);
    if (holder === undefined) {
      throw new SqlmigError('bad-usage', `backend ${pid} neither holds nor waits for a lock of sqlmig`, {
        state: 'nothing was ended',
        hint: 'sqlmig locks lists those that do',
      });
    }
    const agreed = await confirm(holder);
    checkValue('the answer of confirm', agreed, yesOrNo);
    const killed = agreed && (await read((session) => terminateBackend(session, pid)));
    return { holder, killed, next: killed ? nextOf(holder) : null };
  });
}

function nextOf({ key, application }: Holder): string | null {
  const work = runOf(application);
  if (work === null) return null;
  return `if run ${work.run} is still at work, it comes back to ${key}, up to five times, unless a non-transactional file was cut off; to end the run, stop its process on ${work.host}`;
}

function outside({ onEvent, signal }: ReadOptions) {
  return { emit: ownListener(onEvent), signal: ownSignal(signal) };
}
