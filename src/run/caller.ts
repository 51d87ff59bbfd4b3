import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { OnEvent } from '../events.ts';

/** What a run in one of several databases has in common with those in the others. */
export interface Together {
  /** The id of all of them; by default, a run has its own. */
  readonly runId?: string;
  /** Called when everything is checked, before anything is changed: waits until all others are ready too. */
  readonly ready?: () => Promise<void>;
}

/** How a run reports to its caller, and is interrupted by it. */
export interface Caller extends Together {
  readonly emit: OnEvent;
  readonly signal: AbortSignal;
}

/** The caller of a verb, by its options. */
export function callerOf({
  onEvent,
  signal,
  runId,
  ready,
}: Together & {
  readonly onEvent?: OnEvent | undefined;
  readonly signal?: AbortSignal | undefined;
}): Caller {
  const together = { ...(runId !== undefined && { runId }), ...(ready !== undefined && { ready }) };
  return { emit: ownListener(onEvent), signal: ownSignal(signal), ...together };
}

/** A new id of a run. */
export function newRunId(): string {
  return randomBytes(4).toString('hex');
}

/** A signal that follows another, without Node.js' limit of listeners. */
function ownSignal(signal: AbortSignal | undefined): AbortSignal {
  const own = signal === undefined ? new AbortController().signal : AbortSignal.any([signal]);
  setMaxListeners(0, own);
  return own;
}

/**
 * A listener whose errors cannot fail the run: the first exception or rejection becomes a warning of the process, later
 * ones are dropped.
 */
function ownListener(listener: OnEvent | undefined): OnEvent {
  if (listener === undefined) return () => {};
  let warned = false;
  const warn = (error: unknown) => {
    if (warned) return;
    warned = true;
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.emitWarning(`onEvent failed, and the run continued: ${why}`, 'SqlmigWarning');
  };
  return (event) => {
    try {
      const answer: unknown = listener(event);
      if (answer instanceof Promise) answer.catch(warn);
    } catch (error) {
      warn(error);
    }
  };
}
