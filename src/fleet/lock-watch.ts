import { setTimeout as delay } from 'node:timers/promises';
import type { OnEvent } from '../events.ts';
import { type Holder, isSchemaKey, readHolders } from '../protocol/holders.ts';
import type { Run } from '../run/run.ts';
import { runOf } from '../server/application.ts';
import { type Blocker, describeBlockers } from '../server/blockers.ts';

/** Watches which sessions block the units of a run; after a lock timeout that can no longer be determined. */
export interface LockWatch {
  /** The sessions last seen to block a schema's file; empty if none was seen. */
  blockersOf(schema: string): readonly Blocker[];
  /** Watches while something is done; resolves once it no longer uses a session. */
  during<T>(work: () => Promise<T>): Promise<T>;
}

const mostMs = 1_000;
const leastMs = 100;
const firstNoticeMs = 3_000;
const nextNoticeMs = 30_000;
// A file that is tried again waits for the same session as before.
const pauseMs = 15_000;

interface Wait {
  readonly since: number;
  readonly seen: number;
  readonly told: number;
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
    const goesOn = before !== undefined && now - before.seen < pauseMs;
    const { since, told } = goesOn ? before : { since: now, told: Number.NEGATIVE_INFINITY };
    const isNews = now - since >= firstNoticeMs && now - told >= nextNoticeMs;
    waits.set(key, { since, seen: now, told: isNews ? now : told, blockers });
    if (!isNews) return;
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
  const look = async (ended: AbortSignal) => {
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
      const looking = look(ended.signal);
      try {
        return await work();
      } finally {
        ended.abort();
        await looking;
      }
    },
  };
}
