import { completePlan, type PlanOptions, planKinds } from '../decide/plan.ts';
import type { OnEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import { defaults } from '../project/defaults.ts';
import { abortSignal, callback, type Kinds, milliseconds, wholeNumber, yesOrNo } from '../project/option.ts';
import { ownListener } from './listener.ts';
import { ownSignal } from './run.ts';

/** What every verb that changes something can be told. */
export interface ChangeOptions {
  /** How long a statement of a file waits for a lock, in milliseconds; 5,000 by default. */
  readonly lockTimeoutMs?: number;
  /** How long to wait for other runs without any progress, in milliseconds; 15 minutes by default. */
  readonly waitForLockMs?: number;
  /** How many non-transactional migrations run at once; 1 by default. */
  readonly concurrentIndexJobs?: number;
  /** Wait for the disk at each commit, instead of once before success is told. */
  readonly sync?: boolean;
  /** Write although `default_transaction_read_only` is on. */
  readonly ignoreReadOnly?: boolean;
  /** Fires to interrupt: what runs is cancelled and rolled back, and the result says so. */
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** What `ChangeOptions` take. */
export const changeKinds: Kinds<ChangeOptions> = {
  lockTimeoutMs: milliseconds,
  waitForLockMs: milliseconds,
  concurrentIndexJobs: wholeNumber(),
  sync: yesOrNo,
  ignoreReadOnly: yesOrNo,
  signal: abortSignal,
  onEvent: callback,
};

/** What a run that migrates can be told. */
export interface RunOptions extends ChangeOptions, Partial<PlanOptions> {
  /** Run for real, roll everything back, and tell what would have happened. */
  readonly rehearse?: boolean;
}

/** What `RunOptions` take. */
export const runKinds: Kinds<RunOptions> = { ...planKinds, ...changeKinds, rehearse: yesOrNo };

/** `RunOptions` with nothing left out. */
export interface MigrateSettings {
  readonly plan: PlanOptions;
  readonly lockTimeoutMs: number;
  readonly sync: boolean;
  readonly rehearse: boolean;
  readonly concurrentIndexJobs: number;
  readonly waitForLockMs: number;
  readonly readOnly: 'refuse' | 'ignore';
  readonly signal: AbortSignal;
  readonly emit: OnEvent;
}

/** Completes what a caller left out. */
export function migrateSettings(options: RunOptions, config: Config): MigrateSettings {
  return {
    plan: completePlan(options, config),
    lockTimeoutMs: options.lockTimeoutMs ?? defaults.lockTimeoutMs,
    waitForLockMs: options.waitForLockMs ?? defaults.waitForLockMs,
    sync: options.sync ?? false,
    rehearse: options.rehearse ?? false,
    concurrentIndexJobs: options.concurrentIndexJobs ?? defaults.concurrentIndexJobs,
    readOnly: options.ignoreReadOnly === true ? 'ignore' : 'refuse',
    signal: ownSignal(options.signal),
    emit: ownListener(options.onEvent),
  };
}
