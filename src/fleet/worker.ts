import { afterSessionError, type SessionFailure } from '../decide/after-session-error.ts';
import type { Action, Job, Scheduler } from '../decide/scheduler.ts';
import { isConnectionError } from '../errors.ts';
import { asSqlmigError } from '../execute/failure.ts';
import { readHolders } from '../protocol/holders.ts';
import type { AppliedMigration, SchemaOutcome, TakenLock } from '../results.ts';
import { hasNoRoom } from '../run/connect-retry.ts';
import { askAgainMs } from '../run/room.ts';
import { createSessionSlot, type SessionSlot } from '../run/session-slot.ts';
import { SessionLost } from '../server/wire.ts';
import type { Target } from '../state/target.ts';
import type { FleetWork } from './fleet-work.ts';
import { inTheWay } from './in-the-way.ts';
import { blocked, finished, gaveUp, historyMissing, interrupted, withError } from './outcome.ts';
import type { FinalOutcomes } from './settlement.ts';
import type { Wakeup } from './wakeup.ts';

/** What the workers of a fleet share. */
export interface WorkerPool {
  readonly scheduler: Scheduler<Target>;
  readonly settlement: FinalOutcomes;
  readonly wakeup: Wakeup;
  /** How many are at it. */
  workers: number;
  /** Takes a schema's outcome. */
  settle(outcome: SchemaOutcome): void;
}

/** One worker: what it shares, what it does, and its session. */
interface Worker {
  readonly pool: WorkerPool;
  readonly work: FleetWork;
  readonly slot: SessionSlot;
}

/** Does what the scheduler says, on a session of its own, until there is nothing left. */
export async function runWorker(pool: WorkerPool, work: FleetWork): Promise<void> {
  const slot = createSessionSlot(work.openSession, work.signal);
  const worker = { pool, work, slot };
  pool.workers += 1;
  try {
    while (!work.signal.aborted) {
      const action = pool.scheduler.next(performance.now());
      if (action.kind === 'done') break;
      if (action.kind === 'rest') await pool.wakeup.rest(action.until);
      else if ((await perform(worker, action)) === 'leave') break;
    }
  } finally {
    pool.workers -= 1;
    work.ending(slot.close());
  }
}

async function perform(
  worker: Worker,
  action: Exclude<Action<Target>, { kind: 'done' | 'rest' }>,
): Promise<'leave' | 'stay'> {
  const { pool } = worker;
  const first = 'jobs' in action ? action.jobs[0] : 'job' in action ? action.job : null;
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
    if (first === null || first === undefined) throw error;
    return await afterError(worker, first, error);
  } finally {
    pool.wakeup.wake();
  }
}

async function reportWait(
  worker: Worker,
  { job, waitedMs }: Pick<Extract<Action<Target>, { kind: 'report-wait' }>, 'job' | 'waitedMs'>,
): Promise<void> {
  const [why] = await reasonsFor(worker, [job]);
  // Of lock timeouts `LockWatch` tells.
  if (job.last === 'lock-wait' || why === undefined) return;
  worker.work.emit({ type: 'waiting', schema: job.target.schema, waitedMs, holders: why });
}

async function giveUp(
  worker: Worker,
  { jobs, waitedMs }: Extract<Action<Target>, { kind: 'give-up' }>,
): Promise<void> {
  const { pool, slot } = worker;
  const reasons = await reasonsFor(worker, jobs);
  const [first] = jobs;
  if (first !== undefined) await reportWait(worker, { job: first, waitedMs });
  for (const [i, { target }] of jobs.entries()) {
    const error = gaveUp(waitedMs, reasons[i] ?? '');
    pool.settle(await pool.settlement.asItIs(target, 'failed', error, slot));
  }
}

/** What jobs wait for, in words. */
async function reasonsFor({ work, slot }: Worker, jobs: readonly Job<Target>[]): Promise<string[]> {
  const holders = await readHolders(await slot.session());
  return jobs.map((job) => inTheWay(job, holders, work.blockersOf(job.target.schema)));
}

/** Attempts a schema and settles it, or has it tried again. */
async function attempt({ pool, work, slot }: Worker, job: Job<Target>): Promise<void> {
  const { target } = job;
  const session = await slot.session();
  const result = await work.attempt(session, target);
  if (result.kind === 'done') return done({ pool, work, slot }, job, result);
  const settle = async (state: 'failed' | 'skipped', error = result.error) =>
    pool.settle(await pool.settlement.asItIs(target, state, error, slot));
  if (work.signal.aborted) {
    const left = result.kind === 'failed' && result.incomplete === true ? result.error : undefined;
    return settle('skipped', interrupted(left));
  }
  if (result.kind === 'failed') return settle('failed');
  if (result.reason === 'public') await work.refreshGate(await slot.session());
  if (!tryAgain({ pool, work, slot }, job, result))
    return settle('failed', blocked(result.error, work.blockersOf(target.schema)));
}

function tryAgain(
  { pool, work }: Worker,
  job: Job<Target>,
  { reason, error }: { readonly reason: Parameters<Scheduler<Target>['retry']>[1]; readonly error: Error },
): boolean {
  const again = pool.scheduler.retry(job, reason, performance.now());
  if (again)
    work.emit({
      type: 'retrying',
      schema: job.target.schema,
      reason: error.message,
      attempt: job.retries + 1,
    });
  return again;
}

function done(
  { pool, work, slot }: Worker,
  job: Job<Target>,
  {
    applied,
    locks,
  }: { readonly applied: readonly AppliedMigration[]; readonly locks?: readonly TakenLock[] },
): void {
  const { target } = job;
  slot.worked(applied.length);
  work.batches?.note(target, applied);
  const { schema, scope } = target;
  for (const migration of applied) work.emit({ type: 'migration-applied', schema, scope, migration });
  pool.settle(finished(target, applied, work.outcomes, locks));
}

/** Attempts schemas that share their messages. */
async function attemptTogether(
  worker: Worker,
  jobs: readonly [Job<Target>, ...Job<Target>[]],
): Promise<void> {
  const { pool, work, slot } = worker;
  const { scheduler } = pool;
  const [, ...companions] = jobs;
  let applied: readonly AppliedMigration[];
  try {
    const session = await slot.session();
    applied =
      (await work.batches?.attempt(
        session,
        jobs.map(({ target }) => target),
      )) ?? [];
  } catch (error) {
    if (!(error instanceof SessionLost)) scheduler.giveBack(companions, performance.now());
    else for (const mate of companions) tryAgain(worker, mate, { reason: 'lost', error });
    throw error;
  }
  for (const [i, migration] of applied.entries()) {
    const job = jobs[i];
    if (job !== undefined) done(worker, job, { applied: [migration] });
  }
  // Of the first two nobody knows; they are looked at before others begin, since a failure may end the run.
  const left = jobs.slice(applied.length);
  scheduler.giveBack(
    left.map((job, i) => (i < 2 ? { ...job, retries: 1 } : job)),
    performance.now(),
  );
}

/** Looks at a schema before it is tried again: others may have finished it. */
async function retry(worker: Worker, job: Job<Target>): Promise<void> {
  const { pool, work, slot } = worker;
  const before = job.target;
  const target = await work.rereadTarget(await slot.session(), before.schema);
  const refusal = work.refusalOf(target);
  const fail = (error: Parameters<typeof withError>[2]) =>
    pool.settle(withError(target, 'failed', error, work.outcomes));
  if (target.held) {
    tryAgain(worker, job, { reason: 'busy', error: new Error('another run is using this schema') });
  } else if (refusal !== null) fail(refusal);
  else if (before.exists && !target.exists) pool.settle(await pool.settlement.gone(target, slot));
  else if (before.hasHistory && !target.hasHistory) fail(historyMissing());
  else if (!work.hasWork(target)) pool.settle(finished(target, [], work.outcomes));
  else await attempt(worker, { ...job, target });
}

async function afterError(
  { pool, work, slot }: Worker,
  job: Job<Target>,
  error: unknown,
): Promise<'leave' | 'stay'> {
  const { scheduler } = pool;
  // Nothing of the schema was sent where there was no session to send it on.
  const sent = job.retries > 0 || !isConnectionError(error);
  const end = async (state: 'failed' | 'skipped', why: ReturnType<typeof asSqlmigError>) =>
    pool.settle(
      sent
        ? await pool.settlement.asItIs(job.target, state, why, slot)
        : withError(job.target, state, why, work.outcomes),
    );
  const decision = afterSessionError({
    failure: failureOf(error),
    interrupted: work.signal.aborted,
    others: pool.workers - 1,
  });
  switch (decision) {
    case 'interrupt':
      await end('skipped', interrupted());
      return 'stay';
    case 'leave':
    case 'stand-aside':
      scheduler.giveBack([job], performance.now());
      if (decision === 'stand-aside') await standAside(pool, work.signal);
      return decision === 'leave' ? 'leave' : 'stay';
    case 'retry':
      if (tryAgain({ pool, work, slot }, job, { reason: 'lost', error: error as Error })) return 'stay';
      break;
    case 'fail':
  }
  await end('failed', asSqlmigError(error, job.target.schema));
  return 'stay';
}

function failureOf(error: unknown): SessionFailure {
  if (error instanceof SessionLost) return 'lost';
  if (hasNoRoom(error)) return 'no-room';
  return isConnectionError(error) ? 'unreachable' : null;
}

/** Leaves the work to the others while the server has no room for another session. */
async function standAside(pool: WorkerPool, signal: AbortSignal): Promise<void> {
  pool.workers -= 1;
  const until = performance.now() + askAgainMs;
  while (!signal.aborted && performance.now() < until && !pool.scheduler.isOver)
    await pool.wakeup.rest(until);
  pool.workers += 1;
}
