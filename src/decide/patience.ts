/** What to do about waiting without progress. */
type WaitDecision = 'go-on' | 'report' | 'give-up';

/** Watches how long nothing has moved. */
interface Patience {
  /** Starts the clock if it does not run yet. */
  start(now: number): void;
  /** Something was settled. */
  progressed(now: number): void;
  /** Decides whether to go on waiting, and counts a report as made. `busy`: something is running that counts as progress. */
  decide(now: number, busy: boolean): { readonly decision: WaitDecision; readonly waitedMs: number };
}

/** The first report; a schema that has run for longer counts as progress. */
export const firstReportMs = 5_000;
const nextReportMs = 30_000;

/** Reports a wait after five seconds, then every thirty; gives up after `limitMs`. */
export function createPatience(limitMs: number): Patience {
  let lastProgress: number | null = null;
  let reportAfter = firstReportMs;
  return {
    start(now) {
      lastProgress ??= now;
    },
    progressed(now) {
      lastProgress = now;
      reportAfter = firstReportMs;
    },
    decide(now, busy) {
      const waitedMs = Math.round(now - (lastProgress ?? now));
      if (waitedMs <= Math.min(reportAfter, limitMs) || busy) return { decision: 'go-on', waitedMs };
      if (waitedMs > limitMs) return { decision: 'give-up', waitedMs };
      reportAfter = waitedMs + nextReportMs;
      return { decision: 'report', waitedMs };
    },
  };
}
