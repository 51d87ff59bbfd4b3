import type { RunEvent } from '../events.ts';
import type { ErrorDetails } from '../results.ts';
import type { Level, LogLine } from './documents.ts';
import type { Progress } from './progress.ts';

/** Which events a log has: only failed schemas, everything worth reading, or all. */
type LogLevel = 'errors' | 'usual' | 'all';

/** Progress for machines: one line of JSON per event, with its time. */
export function createJsonLog(write: (text: string) => void, level: LogLevel): Progress {
  const logged = new WeakSet<ErrorDetails>();
  let runId: string | null = null;
  const line = (level: Level, value: LoggedValue) => write(logLine(level, runId, value));
  return {
    onEvent(event) {
      if (event.type === 'run-started') runId = event.runId;
      if (!isLogged(event, level)) return;
      const error = errorOf(event);
      if (error !== undefined) logged.add(error);
      if (event.type !== 'run-finished') return line(levelOf(event), event);
      // Schemas and warnings have lines of their own.
      const { schemas: _, warnings: __, ...result } = event.result;
      line(result.ok ? 'info' : 'error', { type: event.type, ...result });
    },
    end() {},
    failed(failures) {
      for (const { error } of failures) {
        // Schemas that were never started are counted; their errors add nothing to the failures before.
        if (error === undefined || error.code === 'stopped' || logged.has(error)) continue;
        line('error', { type: 'error', ...error });
      }
    },
  };
}

type LoggedValue = LogLine extends infer L
  ? L extends LogLine
    ? Omit<L, 'time' | 'level' | 'runId'>
    : never
  : never;

/** A line of `--log-format json`. */
export function logLine(level: Level, runId: string | null, value: LoggedValue): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level, runId, ...value })}\n`;
}

function levelOf(event: RunEvent): Level {
  switch (event.type) {
    case 'warning':
      return 'warn';
    case 'server-notice':
      return event.important ? 'warn' : 'debug';
    case 'schema-finished':
      return ({ failed: 'error', skipped: 'warn', applied: 'info', 'up-to-date': 'debug' } as const)[
        event.outcome.state
      ];
    case 'retrying':
      return 'debug';
    default:
      return 'info';
  }
}

function isLogged(event: RunEvent, level: LogLevel): boolean {
  if (level === 'errors') return event.type === 'schema-finished' && event.outcome.state === 'failed';
  return level === 'all' || levelOf(event) !== 'debug';
}

function errorOf(event: RunEvent): ErrorDetails | undefined {
  if (event.type === 'schema-finished') return event.outcome.error;
  return event.type === 'run-finished' ? event.result.error : undefined;
}
