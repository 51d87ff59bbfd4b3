import type { RunEvent } from '../events.ts';
import type { ErrorDetails } from '../results.ts';
import type { Progress } from './progress.ts';

/** Which events a log has: only failed schemas, everything worth reading, or all. */
type LogLevel = 'errors' | 'usual' | 'all';

/** Progress for machines: one line of JSON per event, with its time. */
export function createJsonLog(write: (text: string) => void, level: LogLevel): Progress {
  const logged = new WeakSet<ErrorDetails>();
  let run: { runId?: string } = {};
  const line = (value: object) =>
    write(`${JSON.stringify({ time: new Date().toISOString(), ...run, ...value })}\n`);
  return {
    onEvent(event) {
      if (event.type === 'run-started') run = { runId: event.runId };
      if (!isLogged(event, level)) return;
      const error = errorOf(event);
      if (error !== undefined) logged.add(error);
      if (event.type !== 'run-finished') return line(event);
      // Schemas and warnings have lines of their own.
      const { schemas: _, warnings: __, ...result } = event.result;
      line({ type: event.type, ...result });
    },
    end() {},
    failed(failures) {
      for (const { error } of failures) {
        // Schemas that were never started are counted; their errors add nothing to the failures before.
        if (error === undefined || error.code === 'stopped' || logged.has(error)) continue;
        line({ type: 'error', ...error });
      }
    },
  };
}

function isLogged(event: RunEvent, level: LogLevel): boolean {
  if (level === 'errors') return event.type === 'schema-finished' && event.outcome.state === 'failed';
  const isMinor =
    (event.type === 'server-notice' && !event.important) ||
    event.type === 'retrying' ||
    (event.type === 'schema-finished' && event.outcome.state === 'up-to-date');
  return level === 'all' || !isMinor;
}

function errorOf(event: RunEvent): ErrorDetails | undefined {
  if (event.type === 'schema-finished') return event.outcome.error;
  return event.type === 'run-finished' ? event.result.error : undefined;
}
