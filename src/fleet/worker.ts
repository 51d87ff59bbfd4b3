import { afterSessionError, type SessionFailure } from '../decide/after-session-error.ts';
import type { Job } from '../decide/job-queue.ts';
import type { RetryReason } from '../decide/retry.ts';
import type { Action, Scheduler } from '../decide/scheduler.ts';
import { isConnectionError, type SqlmigError } from '../errors.ts';
import { asSqlmigError } from '../execute/failure.ts';
import { readHolders } from '../protocol/holders.ts';
import type { AppliedMigration } from '../results.ts';
import { hasNoRoom } from '../run/connect-retry.ts';
import { askAgainMs } from '../run/room.ts';
import { createSessionSlot, type SessionSlot } from '../run/session-slot.ts';
import { SessionLost } from '../server/answer.ts';
import type { Target } from '../state/target.ts';
import type { FleetWork } from './fleet-work.ts';
import type { Done, Stop } from './outcome.ts';
import { blocked, delisted, gaveUp, historyMissing, interrupted, stopError } from './schema-errors.ts';
import type { SchemaOutcomes } from './schema-outcomes.ts';
import { waitReason } from './wait-reason.ts';
import type { Wakeup } from './wakeup.ts';

/** What the workers of a fleet share. */
export interface WorkerPool {
  readonly work: FleetWork;
  readonly scheduler: Scheduler<Target>;
  readonly outcomes: SchemaOutcomes;
  readonly wakeup: Wakeup;
  /** How many are running. */
  workers: number;
  /** Why the check of the canaries failed; `null` if it did not. */
  checkFailure: SqlmigError | null;
}

/** One worker: its pool, and its session. */
interface Worker extends Omit<WorkerPool, 'workers' | 'checkFailure'> {
  readonly pool: WorkerPool;
  readonly slot: SessionSlot;
}

/** Does what the scheduler decides, on a session of its own, until nothing is left. */
export async function runWorker(pool: WorkerPool): Promise<void> {
  const { work, scheduler, outcomes, wakeup } = pool;
  const slot = createSessionSlot(work.openSession, work.signal);
  const worker: Worker = { pool, work, scheduler, outcomes, wakeup, slot };
  pool.workers += 1;
  try {
    while (!work.signal.aborted) {
      const action = scheduler.next(performance.now(), ({ schema }) => {
        const session = slot.current();
        return session !== null && work.hasRead?.(session, schema) === true;
      });
      if (action.kind === 'done') break;
      if (action.kind === 'rest') await wakeup.rest(action.until);
      else if (action.kind === 'check') await checkCanaries(worker, action.canaries);
      else if ((await perform(worker, action)) === 'leave') break;
    }
  } finally {
    pool.workers -= 1;
    work.ending(slot.close());
  }
}

async function perform(
  worker: Worker,
  action: Exclude<Action<Target>, { kind: 'done' | 'rest' | 'check' }>,
): Promise<'leave' | 'stay'> {
  const first = 'jobs' in action ? action.jobs[0] : action.job;
  try {
    switch (action.kind) {
      case 'report-wait':
        await reportWait(worker, action);
        break;
      case 'give-up':
        await giveUp(worker, action);
        break;
      case 'start':
        await (action.jobs.length === 1
          ? attempt(worker, action.jobs[0])
          : attemptTogether(worker, action.jobs));
        break;
      case 'retry':
        await retry(worker, action.job);
    }
    return 'stay';
  } catch (error) {
    if (first === undefined) throw error;
    return await afterError(worker, first, error);
  } finally {
    worker.wakeup.wake();
  }
}

/** Checks the canaries. Whatever happens, the scheduler gets an answer: other workers wait for it. */
async function checkCanaries(
  { pool, work, scheduler, slot, wakeup }: Worker,
  canaries: readonly string[],
): Promise<void> {
  const check = work.rules?.checkCanaries ?? (async () => null);
  let passed = false;
  try {
    pool.checkFailure = await check(() => slot.session(), canaries);
    passed = pool.checkFailure === null;
  } finally {
    scheduler.checked(passed);
    wakeup.wake();
  }
}

async function reportWait(
  worker: Worker,
  { job, waitedMs }: Extract<Action<Target>, { kind: 'report-wait' }>,
): Promise<void> {
  const [why] = (await reasonsFor(worker, [job])) ?? [];
  if (why !== undefined) emitWait(worker, job, { waitedMs, holders: why });
}

function emitWait(
  { work }: Worker,
  { last, target: { schema } }: Job<Target>,
  wait: { readonly waitedMs: number; readonly holders: string },
): void {
  // `LockWatch` reports lock timeouts.
  if (last !== 'lock-wait') work.emit({ type: 'waiting', schema, ...wait });
}

async function giveUp(
  worker: Worker,
  { jobs, waitedMs }: Extract<Action<Target>, { kind: 'give-up' }>,
): Promise<void> {
  const reasons = await reasonsFor(worker, jobs);
  const [first] = jobs;
  const [why] = reasons ?? [];
  if (first !== undefined && why !== undefined) emitWait(worker, first, { waitedMs, holders: why });
  for (const [i, { target }] of jobs.entries()) {
    const error = gaveUp(waitedMs, reasons?.[i] ?? 'the server did not say what holds its lock');
    await worker.outcomes.stopAsFound(target, { state: 'failed', error }, worker.slot);
  }
}

/** What jobs wait for, in words; `null` if the server cannot be asked. A connection error here concerns no job. */
async function reasonsFor({ work, slot }: Worker, jobs: readonly Job<Target>[]): Promise<string[] | null> {
  try {
    const holders = await readHolders(await slot.session());
    return jobs.map((job) => waitReason(job, holders, work.blockersOf(job.target.schema)));
  } catch {
    return null;
  }
}

/** Attempts a schema, then settles it or schedules a retry. */
async function attempt(worker: Worker, job: Job<Target>): Promise<void> {
  const { work, scheduler, outcomes, slot } = worker;
  const { target } = job;
  const session = await slot.session();
  outcomes.begin(target);
  const result = await work.attempt(session, target, {
    isStopped: () => work.signal.aborted || scheduler.stopped !== null,
    failing: () => scheduler.failing(target.schema),
    apart: job.because.lost !== undefined,
  });
  if (result.kind === 'done') return settleDone(worker, job, result);
  const costs = result.kind === 'failed' && result.costs !== undefined && { costs: result.costs };
  const stop = (state: Stop['state'], error: SqlmigError, migrationFailed = false) =>
    outcomes.stopAsFound(target, { state, error, migrationFailed, ...costs }, slot);
  if (result.kind === 'stopped') return stop('skipped', stopError(scheduler, work));
  if (work.signal.aborted) {
    const incomplete = result.kind === 'failed' && result.incomplete === true ? result.error : undefined;
    return stop('skipped', interrupted(incomplete));
  }
  if (result.kind === 'failed') return stop('failed', result.error, true);
  if (result.reason === 'public') await work.refreshGate(await slot.session());
  if (!tryAgain(worker, job, result))
    return stop('failed', blocked(result.error, work.blockersOf(target.schema)));
}

/** Schedules a retry of a schema. Returns false if it was retried too often for this reason. */
function tryAgain(
  { work, scheduler }: Worker,
  job: Job<Target>,
  { reason, error }: { readonly reason: RetryReason; readonly error: Error },
): boolean {
  if (!scheduler.retry(job, reason, performance.now())) return false;
  const { schema } = job.target;
  work.emit({ type: 'retrying', schema, reason: error.message, attempt: job.retries + 1 });
  return true;
}

function settleDone({ work, outcomes, slot }: Worker, { target }: Job<Target>, result: Done): void {
  const { applied } = result;
  slot.worked(applied.length);
  work.batches?.note(target, applied);
  const { schema, scope } = target;
  for (const migration of applied) work.emit({ type: 'migration-applied', schema, scope, migration });
  outcomes.finish(target, result);
}

/** Attempts schemas that share their messages. */
async function attemptTogether(
  worker: Worker,
  jobs: readonly [Job<Target>, ...Job<Target>[]],
): Promise<void> {
  const { work, scheduler, slot } = worker;
  const [, ...companions] = jobs;
  let applied: readonly AppliedMigration[] | undefined;
  try {
    const targets = jobs.map(({ target }) => target);
    applied = await work.batches?.attempt(await slot.session(), targets);
  } catch (error) {
    if (!(error instanceof SessionLost)) scheduler.giveBack(companions, performance.now());
    else for (const companion of companions) tryAgain(worker, companion, { reason: 'lost', error });
    throw error;
  }
  for (const [i, migration] of (applied ?? []).entries()) {
    const job = jobs[i];
    if (job !== undefined) settleDone(worker, job, { applied: [migration] });
  }
  // Either of the first two may have failed, which may end the run: both are read again before others start.
  const left = jobs.slice(applied?.length ?? 0);
  scheduler.giveBack(
    left.map((job, i) => (i < 2 ? { ...job, retries: 1 } : job)),
    performance.now(),
  );
}

/** Reads a schema before it is retried, since another run may have finished it. */
async function retry(worker: Worker, job: Job<Target>): Promise<void> {
  const { work, outcomes, slot } = worker;
  const before = job.target;
  const target = await work.rereadTarget(await slot.session(), before.schema);
  const refusal = work.schemaRefusal(target);
  if (target.held) {
    tryAgain(worker, job, { reason: 'busy', error: new Error('another run is using this schema') });
  } else if (refusal !== null) outcomes.stop(target, { state: 'failed', error: refusal });
  else if (before.exists && !target.exists) await outcomes.stopGone(target, slot);
  else if (before.hasHistory && !target.hasHistory)
    outcomes.stop(target, { state: 'failed', error: historyMissing() });
  else if (!work.hasWork(target)) outcomes.finish(target);
  else if (!(await isWanted(worker, target))) outcomes.stop(target, { state: 'skipped', error: delisted() });
  else await attempt(worker, { ...job, target });
}

/** False for a tenant that was removed from the list before its schema was created. */
async function isWanted({ work, slot }: Worker, { exists, schema }: Target): Promise<boolean> {
  return exists || work.createsUnlisted === true || work.isListed(await slot.session(), schema);
}

async function afterError(worker: Worker, job: Job<Target>, error: unknown): Promise<'leave' | 'stay'> {
  const { pool, work, scheduler, outcomes, slot } = worker;
  const { target, retries } = job;
  // Without a session nothing was sent to the schema.
  const sent = retries > 0 || !isConnectionError(error);
  const stop = async (how: Stop) =>
    sent ? outcomes.stopAsFound(target, how, slot) : outcomes.stop(target, how);
  const decision = afterSessionError({
    failure: failureOf(error),
    interrupted: work.signal.aborted,
    others: pool.workers - 1,
  });
  switch (decision) {
    case 'interrupt':
      await stop({ state: 'skipped', error: interrupted() });
      return 'stay';
    case 'leave':
    case 'stand-aside':
      scheduler.giveBack([job], performance.now());
      if (decision === 'stand-aside') await standAside(pool);
      return decision === 'leave' ? 'leave' : 'stay';
    case 'retry':
      if (tryAgain(worker, job, { reason: 'lost', error: error as Error })) return 'stay';
      break;
    case 'fail':
  }
  await stop({ state: 'failed', error: asSqlmigError(error, target.schema) });
  return 'stay';
}

function failureOf(error: unknown): SessionFailure {
  if (error instanceof SessionLost) return 'lost';
  if (hasNoRoom(error)) return 'no-room';
  return isConnectionError(error) ? 'unreachable' : null;
}

/** Leaves the work to the other workers while the server has no room for another session. */
async function standAside(pool: WorkerPool): Promise<void> {
  const { signal } = pool.work;
  pool.workers -= 1;
  const until = performance.now() + askAgainMs;
  while (!signal.aborted && performance.now() < until && !pool.scheduler.isOver)
    await pool.wakeup.rest(until);
  pool.workers += 1;
}
