import { setTimeout as delay } from 'node:timers/promises';
import type { OnEvent } from '../events.ts';
import { type Holder, isSchemaKey, readHolders } from '../protocol/holders.ts';
import type { Run } from '../run/run.ts';
import { runOf } from '../server/application.ts';
import { type Blocker, describeBlockers } from '../server/blockers.ts';

/** Watches which sessions block the units of a run, since this is unknown after a lock timeout. */
export interface LockWatch {
  /** The sessions last seen to block a schema's file; empty if none was seen. */
  blockersOf(schema: string): readonly Blocker[];
  /** Watches while `work` runs; resolves once watching has stopped using the session. */
  during<T>(work: () => Promise<T>): Promise<T>;
}

const mostMs = 1_000;
const leastMs = 100;
const firstNoticeMs = 3_000;
const nextNoticeMs = 30_000;
// A retried file waits for the same session as before.
const pauseMs = 15_000;

interface Wait {
  readonly since: number;
  readonly seenAt: number;
  readonly reportedAt: number;
  readonly blockers: readonly Blocker[];
}

/** Checks several times per lock timeout, on the run's own session, and reports waits that last. */
export function createLockWatch(
  { runId, watch }: Pick<Run, 'runId' | 'watch'>,
  lockTimeoutMs: number,
  emit: OnEvent,
): LockWatch {
  const waits = new Map<string, Wait>();
  const note = ({ key, blockers, indexBuild }: Holder) => {
    const now = performance.now();
    const before = waits.get(key);
    const continues = before !== undefined && now - before.seenAt < pauseMs;
    const { since, reportedAt } = continues ? before : { since: now, reportedAt: Number.NEGATIVE_INFINITY };
    const isDue = now - since >= firstNoticeMs && now - reportedAt >= nextNoticeMs;
    waits.set(key, { since, seenAt: now, reportedAt: isDue ? now : reportedAt, blockers });
    if (!isDue) return;
    const build = indexBuild === null ? '' : `index build, ${indexBuild.phase}: `;
    const holders = build + describeBlockers(blockers);
    emit({ type: 'waiting', schema: key, waitedMs: Math.round(now - since), holders });
  };
  const isOurs = (holder: Holder) =>
    holder.granted &&
    holder.exclusive &&
    holder.blockers.length > 0 &&
    isSchemaKey(holder) &&
    runOf(holder.application)?.run === runId;
  const poll = async (ended: AbortSignal) => {
    const everyMs = Math.min(mostMs, Math.max(leastMs, Math.round(lockTimeoutMs / 3)));
    while (!ended.aborted) {
      await delay(everyMs, undefined, { signal: ended }).catch(() => {});
      if (ended.aborted) return;
      for (const holder of (await watch(readHolders)) ?? []) if (isOurs(holder)) note(holder);
    }
  };
  return {
    blockersOf: (schema) => waits.get(schema)?.blockers ?? [],
    async during(work) {
      const ended = new AbortController();
      const polling = poll(ended.signal);
      try {
        return await work();
      } finally {
        ended.abort();
        await polling;
      }
    },
  };
}
