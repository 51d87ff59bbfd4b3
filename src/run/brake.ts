import { type StopRule, stopReason } from '../core/stop-rule.ts';
import type { SqlmigError } from '../errors.ts';
import type { SchemaOutcome } from '../model.ts';
import { canaryFailed, countsAsFailure, stopped } from './outcome.ts';

/** Counts what fails in a run, over all its phases, and says when nothing more is started. */
export interface Brake {
  note(outcome: SchemaOutcome): void;
  /** True once nothing more may be started. */
  readonly on: boolean;
  /** The error of a schema whose turn never came. */
  error(): SqlmigError;
}

/** A brake for a run whose first tenants are `canaries`; without a rule it never stops. */
export function createBrake(rule: StopRule = noRule, canaries: ReadonlySet<string> = new Set()): Brake {
  let failures = 0;
  const failedCanaries: string[] = [];
  const reason = () => stopReason(rule, { tenants: failures, canaries: failedCanaries.length });
  return {
    note(outcome) {
      if (countsAsFailure(outcome)) failures += 1;
      // A canary that was refused proves no more than one that failed.
      if (outcome.state === 'failed' && canaries.has(outcome.schema)) failedCanaries.push(outcome.schema);
    },
    get on() {
      return reason() !== null;
    },
    error: () => (reason() === 'canaries' ? canaryFailed(failedCanaries) : stopped(failures)),
  };
}

const noRule: StopRule = { failures: Number.POSITIVE_INFINITY, canaryFailures: Number.POSITIVE_INFINITY };
