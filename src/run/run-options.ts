import { completePlan, type PlanOptions, planKinds } from '../decide/plan.ts';
import type { OnEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import { defaults } from '../project/defaults.ts';
import { abortSignal, callback, type Kinds, milliseconds, wholeNumber, yesOrNo } from '../project/option.ts';
import { type Caller, callerOf, type RunGroup } from './caller.ts';

/** Options of every function that changes something. */
export interface ChangeOptions {
  /** How long a statement of a file waits for a lock, in milliseconds; 5,000 by default. */
  readonly lockTimeoutMs?: number;
  /** How long to wait for other runs without any progress, in milliseconds; 15 minutes by default. */
  readonly waitForLockMs?: number;
  /** Run at most this many non-transactional migrations at once; 1 by default. */
  readonly concurrentIndexJobs?: number;
  /** Use synchronous commits, instead of one flush before success is reported. */
  readonly sync?: boolean;
  /** Write even if `default_transaction_read_only` is on. */
  readonly ignoreReadOnly?: boolean;
  /** Aborting it interrupts the run: running statements are canceled and rolled back, and the result reports it. */
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** The kinds of values of `ChangeOptions`. */
export const changeKinds: Kinds<ChangeOptions> = {
  lockTimeoutMs: milliseconds,
  waitForLockMs: milliseconds,
  concurrentIndexJobs: wholeNumber(),
  sync: yesOrNo,
  ignoreReadOnly: yesOrNo,
  signal: abortSignal,
  onEvent: callback,
};

/** Options of a run that migrates. */
export interface RunOptions extends ChangeOptions, Partial<PlanOptions> {
  /** Run for real, roll everything back, and report what would have happened. */
  readonly rehearse?: boolean;
}

/** The kinds of values of `RunOptions`. */
export const runKinds: Kinds<RunOptions> = { ...planKinds, ...changeKinds, rehearse: yesOrNo };

/** `RunOptions` with all defaults filled in. */
export interface MigrateSettings extends Caller {
  readonly plan: PlanOptions;
  readonly lockTimeoutMs: number;
  readonly sync: boolean;
  readonly rehearse: boolean;
  readonly concurrentIndexJobs: number;
  readonly waitForLockMs: number;
  readonly readOnly: 'refuse' | 'ignore';
}

/** Fills in the defaults. */
export function migrateSettings(options: RunOptions & RunGroup, config: Config): MigrateSettings {
  return {
    plan: completePlan(options, config),
    lockTimeoutMs: options.lockTimeoutMs ?? defaults.lockTimeoutMs,
    waitForLockMs: options.waitForLockMs ?? defaults.waitForLockMs,
    sync: options.sync ?? false,
    rehearse: options.rehearse ?? false,
    concurrentIndexJobs: options.concurrentIndexJobs ?? defaults.concurrentIndexJobs,
    ...callerOf(options),
    readOnly: options.ignoreReadOnly === true ? 'ignore' : 'refuse',
  };
}
