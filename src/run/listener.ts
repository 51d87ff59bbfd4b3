import type { OnEvent } from '../events.ts';

/**
 * A listener whose errors cannot fail the run: the first exception or rejection becomes a warning of the process, later
 * ones are dropped.
 */
export function ownListener(listener: OnEvent | undefined): OnEvent {
  if (listener === undefined) return () => {};
  let warned = false;
  const warn = (error: unknown) => {
    if (warned) return;
    warned = true;
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.emitWarning(`onEvent failed, and the run went on: ${why}`, 'SqlmigWarning');
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
