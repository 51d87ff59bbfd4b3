import { setTimeout as delay } from 'node:timers/promises';
import { shuffled } from '../core/backoff.ts';
import type { AgainReason, Attempt } from '../db/attempt.ts';
import type { Blocker } from '../db/blockers.ts';
import { asSqlmigError } from '../db/failure.ts';
import { readHolders } from '../db/holders.ts';
import { type Session, SessionLost } from '../db/session.ts';
import { isConnectionError, type SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import type { AppliedMigration, SchemaOutcome, TakenLock } from '../model.ts';
import type { Brake } from './brake.ts';
import type { Convoys } from './convoys.ts';
import { inTheWay, type Job, mostTries, putOff } from './job.ts';
import { createLane, type Lane } from './lane.ts';
import { createLastLook } from './last-look.ts';
import type { Target } from './look.ts';
import {
  blocked,
  finished,
  gaveUp,
  gone,
  historyMissing,
  interrupted,
  type OutcomeFrame,
  unfinished,
  unknown,
} from './outcome.ts';
import { hasNoRoom } from './patience.ts';
import { askAgainMs } from './sessions.ts';

/** All that serving a set of schemas needs. */
export interface FleetWork {
  readonly outcomes: OutcomeFrame;
  readonly openSession: () => Promise<Session>;
  /** At most so many sessions at once. */
  readonly lanes: number;
  /** Says when no more schemas are started, and why. */
  readonly brake: Brake;
  /** Give up after so long without any progress. */
  readonly waitForLockMs: number;
  /** Who was in the way of a schema's file when it was last seen to wait (see `LockWatch`). */
  readonly blockersOf: (schema: string) => readonly Blocker[];
  /** Whether there is something to do in a schema. */
  readonly hasWork: (target: Target) => boolean;
  /** Why nothing may be done in it, or `null`. */
  readonly refusalOf: (target: Target) => SqlmigError | null;
  /** Does it; never throws. */
  readonly attempt: (session: Session, target: Target) => Promise<Attempt>;
  /** Lets schemas share messages; `null` where each goes alone. */
  readonly convoys: Convoys | null;
  readonly lookAgain: (session: Session, schema: string) => Promise<Target>;
  /** Whether the tenant source still lists a schema that is gone. */
  readonly isListed: (session: Session, schema: string) => Promise<boolean>;
  /** Reads again what public holds; throws `public-behind` where that is less than this run needs. */
  readonly refreshGate: (session: Session) => Promise<void>;
  /** Takes what the run waits for at its end: a backend that has done much takes a while to go. */
  readonly ending: (closing: Promise<void>) => void;
  readonly signal: AbortSignal;
  readonly emit: OnEvent;
}

const firstNoticeMs = 5_000;
const nextNoticeMs = 30_000;
const restMs = 1_000;

/**
 * Serves schemas in parallel: shuffled, at most `lanes` at a time; busy ones are put aside and come back to, so that
 * several runners share the work; a broken connection is settled by reading the history again. A schema's failure is an
 * outcome; the rest go on until the brake is on. Gives one outcome a schema, in the order of `targets`.
 */
export async function runFleet(targets: readonly Target[], work: FleetWork): Promise<SchemaOutcome[]> {
  const settled = new Map<string, SchemaOutcome>();
  const running = new Set<{ readonly since: number }>();
  let lastProgress = performance.now();
  let nextNotice = firstNoticeMs;
  const lookLast = createLastLook(work.lookAgain, work.signal);

  const settle = (outcome: SchemaOutcome) => {
    settled.set(outcome.schema, outcome);
    work.brake.note(outcome);
    lastProgress = performance.now();
    nextNotice = firstNoticeMs;
    work.emit({ type: 'schema-finished', outcome });
  };
  const stopping = () => work.signal.aborted || work.brake.on;

  const jobs: Job[] = [];
  for (const target of targets) {
    const refusal = work.refusalOf(target);
    // Running, or free since a moment: that is told apart by looking again (see `lookAgain`).
    const unsure = target.plan.refusal?.kind === 'failed';
    // A refusal is known before anything starts and says nothing about the files that others get: it stops nobody.
    if (unsure) jobs.push({ target, tries: 1, because: {}, due: 0 });
    else if (refusal !== null)
      settled.set(target.schema, unfinished(target, 'failed', refusal, work.outcomes));
    else if (work.hasWork(target)) jobs.push({ target, tries: 0, because: {}, due: 0 });
    else settled.set(target.schema, finished(target, [], work.outcomes));
  }
  for (const outcome of settled.values()) {
    work.brake.note(outcome);
    work.emit({ type: 'schema-finished', outcome });
  }
  const ready = shuffled(jobs, Math.random);
  const aside: Job[] = [];

  const putAside = (job: Job, reason: AgainReason, message: string) => {
    work.emit({ type: 'retrying', schema: job.target.schema, reason: message, attempt: job.tries + 1 });
    aside.push(putOff(job, reason));
  };

  /** Settles a schema that was dropped or renamed: a failure only where it is still listed. */
  const settleGone = async (target: Target, lane: Lane): Promise<void> => {
    const listed = await lane
      .session()
      .then((session) => work.isListed(session, target.schema))
      .catch(() => true);
    settle(unfinished(target, listed ? 'failed' : 'skipped', gone(listed), work.outcomes));
  };
  const settleUnsent = (target: Target, state: 'failed' | 'skipped', error: SqlmigError) =>
    settle(unfinished(target, state, error, work.outcomes));

  /** Settles a schema that may have moved since it was looked at last. */
  const settleAsItIs = async (
    target: Target,
    state: 'failed' | 'skipped',
    error: SqlmigError,
    lane: Lane,
  ): Promise<void> => {
    const now = await lookLast(target.schema, lane);
    if (now === null) return settle(unknown(target, error, work.outcomes));
    if (target.exists && !now.exists) return settleGone(now, lane);
    const isDone = state === 'skipped' && work.refusalOf(now) === null && !work.hasWork(now);
    settle(isDone ? finished(now, [], work.outcomes) : unfinished(now, state, error, work.outcomes));
  };

  const settleDone = (
    target: Target,
    applied: readonly AppliedMigration[],
    lane: Lane,
    locks?: readonly TakenLock[],
  ): void => {
    lane.worked(applied.length);
    work.convoys?.note(target, applied);
    const { schema, scope } = target;
    for (const migration of applied) work.emit({ type: 'migration-applied', schema, scope, migration });
    settle(finished(target, applied, work.outcomes, locks));
  };

  const serve = async (job: Job, lane: Lane): Promise<void> => {
    const { target } = job;
    const session = await lane.session();
    const attempt = await work.attempt(session, target);
    if (attempt.kind === 'done') return settleDone(target, attempt.applied, lane, attempt.locks);
    if (work.signal.aborted) {
      const left = attempt.kind === 'failed' && attempt.unfinished === true ? attempt.error : undefined;
      return settleAsItIs(target, 'skipped', interrupted(left), lane);
    }
    if (attempt.kind === 'failed') return settleAsItIs(target, 'failed', attempt.error, lane);
    const { reason, error } = attempt;
    if ((job.because[reason] ?? 0) >= mostTries[reason]) {
      return settleAsItIs(target, 'failed', blocked(error, work.blockersOf(target.schema)), lane);
    }
    if (reason === 'public') await work.refreshGate(await lane.session());
    putAside(job, reason, error.message);
  };

  /** Serves a schema for the first time, and with it those that may go along. */
  const serveFirst = async (job: Job, lane: Lane): Promise<void> => {
    const session = await lane.session();
    const mates = ready.splice(0, work.convoys?.mates(job.target, ready) ?? 0);
    if (work.convoys === null || mates.length === 0) return serve(job, lane);
    const all = [job, ...mates];
    let applied: readonly AppliedMigration[];
    try {
      applied = await work.convoys.attempt(
        session,
        all.map(({ target }) => target),
      );
    } catch (error) {
      if (!(error instanceof SessionLost)) ready.unshift(...mates);
      else for (const mate of mates) putAside(mate, 'lost', error.message);
      throw error;
    }
    for (const [i, migration] of applied.entries()) {
      const target = all[i]?.target;
      if (target !== undefined) settleDone(target, [migration], lane);
    }
    // Of the first two nobody knows; they are looked at before others begin, since a failure may end the run.
    const left = all.slice(applied.length);
    ready.unshift(...left.slice(0, 2).map((unsure) => ({ ...unsure, tries: 1 })), ...left.slice(2));
  };

  // Before a schema is tried again it is looked at again: others may have finished it.
  const comeBack = async (job: Job, lane: Lane): Promise<void> => {
    const target = await work.lookAgain(await lane.session(), job.target.schema);
    if (target.held) return putAside(job, 'busy', 'another run is at work in this schema');
    const refusal = work.refusalOf(target);
    if (refusal !== null) return settleUnsent(target, 'failed', refusal);
    if (job.target.exists && !target.exists) return settleGone(target, lane);
    if (job.target.hasHistory && !target.hasHistory) return settleUnsent(target, 'failed', historyMissing());
    if (!work.hasWork(target)) return settle(finished(target, [], work.outcomes));
    return serve({ ...job, target }, lane);
  };

  // A file that has run for long is progress, whatever the others wait for.
  const atWork = () => [...running].some(({ since }) => performance.now() - since > firstNoticeMs);

  /** Tells when nothing has moved for long (`LockWatch` tells of lock timeouts); gives up all jobs after `waitForLockMs`. */
  const gaveUpWaiting = async (first: Job, lane: Lane): Promise<boolean> => {
    const waitedMs = Math.round(performance.now() - lastProgress);
    if (first.tries === 0 || waitedMs <= Math.min(nextNotice, work.waitForLockMs) || atWork()) return false;
    nextNotice = waitedMs + nextNoticeMs;
    const all = await readHolders(await lane.session());
    const why = (job: Job) => inTheWay(job, all, work.blockersOf(job.target.schema));
    if (first.last !== 'lock-wait')
      work.emit({ type: 'waiting', schema: first.target.schema, waitedMs, holders: why(first) });
    if (waitedMs <= work.waitForLockMs) return false;
    for (const job of [first, ...aside.splice(0), ...ready.splice(0)]) {
      await settleAsItIs(job.target, 'failed', gaveUp(waitedMs, why(job)), lane);
    }
    return true;
  };

  const resting = new Set<AbortController>();
  /** Waits until a schema is due or another worker's turn has ended. */
  const rest = async (next = aside): Promise<void> => {
    const awoken = new AbortController();
    resting.add(awoken);
    const due = Math.min(...next.map((job) => job.due), performance.now() + restMs);
    const signal = AbortSignal.any([work.signal, awoken.signal]);
    await delay(Math.max(1, due - performance.now()), undefined, { signal }).catch(() => {});
    resting.delete(awoken);
  };
  let workers = 0;
  /** Leaves the work to the others while the server has no room for another session. */
  const standAside = async (): Promise<void> => {
    workers -= 1;
    const until = performance.now() + askAgainMs;
    while (!stopping() && performance.now() < until && ready.length + aside.length + running.size > 0)
      await rest([]);
    workers += 1;
  };
  const worker = async (): Promise<void> => {
    const lane = createLane(work.openSession, work.signal);
    workers += 1;
    try {
      while (!stopping()) {
        const now = performance.now();
        const returning = aside.findIndex((job) => job.due <= now);
        const job = ready.shift() ?? (returning === -1 ? undefined : aside.splice(returning, 1)[0]);
        if (job !== undefined) {
          const turn = { since: now };
          let hadRoom = true;
          running.add(turn);
          try {
            if (await gaveUpWaiting(job, lane)) continue;
            await (job.tries === 0 ? serveFirst(job, lane) : comeBack(job, lane));
          } catch (error) {
            const sent = job.tries > 0 || !isConnectionError(error);
            const end = async (state: 'failed' | 'skipped', why: SqlmigError) =>
              sent ? settleAsItIs(job.target, state, why, lane) : settleUnsent(job.target, state, why);
            if (work.signal.aborted) {
              await end('skipped', interrupted());
            } else if (isConnectionError(error) && workers > 1) {
              aside.push(job);
              if (!hasNoRoom(error)) break;
              hadRoom = false;
            } else if (error instanceof SessionLost && (job.because.lost ?? 0) < mostTries.lost) {
              putAside(job, 'lost', error.message);
            } else {
              await end('failed', asSqlmigError(error, job.target.schema));
            }
          } finally {
            running.delete(turn);
            for (const awoken of resting) awoken.abort();
          }
          if (!hadRoom) await standAside();
        } else if (aside.length > 0 || running.size > 0) {
          await rest();
        } else {
          break;
        }
      }
    } finally {
      workers -= 1;
      work.ending(lane.close());
    }
  };

  const ended = await Promise.allSettled(Array.from({ length: Math.min(work.lanes, ready.length) }, worker));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  const left = work.signal.aborted ? interrupted() : work.brake.error();
  const open = [...aside, ...ready];
  for (const { target, tries } of open) if (tries === 0) settleUnsent(target, 'skipped', left);
  const begun = open.filter(({ tries }) => tries > 0);
  const lane = createLane(work.openSession, work.signal);
  for (const { target } of begun) await settleAsItIs(target, 'skipped', left, lane);
  await lane.close();
  return targets.flatMap(({ schema }) => settled.get(schema) ?? []);
}
