import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { OnEvent } from '../events.ts';

/** What the runs of one command in several databases share. */
export interface RunGroup {
  /** The id of all runs; by default, each has its own. */
  readonly runId?: string;
  /** Called when everything is checked and nothing is changed yet. Waits until all other runs are ready. */
  readonly ready?: () => Promise<void>;
}

/** How a run reports to its caller, and is interrupted by it. */
export interface Caller extends RunGroup {
  readonly emit: OnEvent;
  readonly signal: AbortSignal;
}

/** The caller of a verb, by its options. */
export function callerOf({
  onEvent,
  signal,
  runId,
  ready,
}: RunGroup & {
  readonly onEvent?: OnEvent | undefined;
  readonly signal?: AbortSignal | undefined;
}): Caller {
  const group = { ...(runId !== undefined && { runId }), ...(ready !== undefined && { ready }) };
  return { emit: ownListener(onEvent), signal: ownSignal(signal), ...group };
}

/** A new id of a run. */
export function newRunId(): string {
  return randomBytes(4).toString('hex');
}

/** A signal that follows another one, without the listener limit of Node.js. */
function ownSignal(signal: AbortSignal | undefined): AbortSignal {
  const own = signal === undefined ? new AbortController().signal : AbortSignal.any([signal]);
  setMaxListeners(0, own);
  return own;
}

/**
 * A listener whose errors cannot fail the run: the first exception or rejection becomes a process warning, and later ones
 * are ignored.
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
