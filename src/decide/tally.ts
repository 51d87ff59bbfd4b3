import { type Failures, type StopRule, stopReason } from './stop-rule.ts';

/** The outcome of a schema, as far as it matters for the others. */
export interface Settled {
  readonly schema: string;
  /** A migration failed in it: it counts towards `StopRule.failures`. */
  readonly failed: boolean;
  /** It was refused or failed: a canary counts towards `StopRule.canaryFailures`. */
  readonly behind: boolean;
}

/** Why a run starts nothing more: too many canaries failed, or tenants; or the check of the canaries did. */
export type Stopped = 'canaries' | 'tenants' | 'check';

/** Counts failures, and the canaries that have no outcome yet or were not checked yet. */
export interface Tally {
  /** Expects the outcome of a schema if it is a canary; returns whether it is. */
  expects(schema: string): boolean;
  failing(schema: string): void;
  settled(outcome: Settled): void;
  /** The canaries to check now: those that did not fail, once all are settled. `null` if no check is due. */
  beginCheck(): readonly string[] | null;
  checked(passed: boolean): void;
  readonly isChecking: boolean;
  /** The canaries are done and nothing has stopped the run. */
  readonly othersMayStart: boolean;
  readonly failures: Failures & { readonly failedCanaries: readonly string[] };
  readonly stopped: Stopped | null;
}

/** A tally of nothing; with `checks`, the canaries are checked once. */
export function createTally(rule: StopRule, canaries: ReadonlySet<string>, checks = false): Tally {
  const open = new Set<string>();
  const failedCanaries: string[] = [];
  const failing = new Set<string>();
  let failed = 0;
  let check: 'due' | 'running' | 'passed' | 'failed' = checks && canaries.size > 0 ? 'due' : 'passed';
  const failures = () => ({
    tenants: failed + failing.size,
    canaries: failedCanaries.length,
    failedCanaries,
  });
  const stopped = () => stopReason(rule, failures()) ?? (check === 'failed' ? 'check' : null);
  return {
    expects(schema) {
      if (canaries.has(schema)) open.add(schema);
      return canaries.has(schema);
    },
    failing(schema) {
      failing.add(schema);
    },
    settled({ schema, failed: hasFailed, behind }) {
      failing.delete(schema);
      if (hasFailed) failed += 1;
      if (behind && canaries.has(schema)) failedCanaries.push(schema);
      open.delete(schema);
    },
    beginCheck() {
      if (check !== 'due' || open.size > 0) return null;
      check = 'running';
      return [...canaries].filter((schema) => !failedCanaries.includes(schema));
    },
    checked(passed) {
      check = passed ? 'passed' : 'failed';
    },
    get isChecking() {
      return check === 'running';
    },
    get othersMayStart() {
      return open.size === 0 && check === 'passed' && stopped() === null;
    },
    get failures() {
      return failures();
    },
    get stopped() {
      return stopped();
    },
  };
}
