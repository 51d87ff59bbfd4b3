import { setTimeout as pause } from 'node:timers/promises';
import { backoffMs } from '../decide/backoff.ts';
import { createPatience } from '../decide/patience.ts';
import { SqlmigError } from '../errors.ts';
import type { MigrateSettings } from './run-options.ts';

/**
 * Retries work while another run blocks it, for up to `waitForLockMs`, and reports the wait.
 * @throws the errors of the work, including the last one that another run caused.
 */
export async function whenFree<T>(
  { waitForLockMs, signal, emit }: Pick<MigrateSettings, 'waitForLockMs' | 'signal' | 'emit'>,
  work: () => Promise<T>,
): Promise<T> {
  const patience = createPatience(waitForLockMs);
  patience.start(performance.now());
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof SqlmigError) || !isBlocked(error) || signal.aborted) throw error;
      const { decision, waitedMs } = patience.decide(performance.now(), false);
      if (decision === 'give-up') throw error;
      const { schema = '', message } = error.details;
      if (decision === 'report') emit({ type: 'waiting', schema, waitedMs, holders: message });
      await pause(backoffMs(tries, Math.random), undefined, { signal }).catch(() => {});
    }
  }
}

function isBlocked({ code }: SqlmigError): boolean {
  return code === 'lock-timeout' || code === 'public-behind';
}
