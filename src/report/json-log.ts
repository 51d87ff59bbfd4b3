import type { RunEvent } from '../events.ts';
import type { ErrorDetails, SchemaOutcome, UndoneSchema } from '../results.ts';
import type { FinishedAlike, Level, LoggedError, LogLine } from './documents.ts';
import { failureKey, failuresAlike } from './error.ts';
import type { Progress } from './progress.ts';
import { distinctNames, type NamedSchema } from './table.ts';

/** Which events a log has: only failed schemas, everything worth reading, or all. */
type LogLevel = 'errors' | 'usual' | 'all';

// Docker splits lines at 16 kB.
const mostNames = 100;

/** Progress for machines: one line of JSON per event, with its time. Schemas with the same error share two lines. */
export function createJsonLog(write: (text: string) => void, level: LogLevel): Progress {
  const logged = new WeakSet<ErrorDetails>();
  const alike = createSharedFailures();
  let runId: string | null = null;
  const line = (level: Level, value: LoggedValue) => write(logLine(level, runId, value));
  const end = () => {
    for (const value of alike.take()) line(levels[value.state], value);
  };
  return {
    onEvent(event) {
      if (event.type === 'run-started') runId = event.runId;
      if (!isLogged(event, level)) return;
      const error = errorOf(event);
      if (error !== undefined) logged.add(error);
      if (event.type === 'schema-finished' && level !== 'all' && !alike.isFirst(event.outcome)) return;
      if (event.type !== 'run-finished') return line(levelOf(event), event);
      end();
      // Schemas and warnings have lines of their own.
      const { schemas: _, warnings: __, ...result } = event.result;
      const { type, database } = event;
      line(result.ok ? 'info' : 'error', { type, ...(database !== undefined && { database }), ...result });
    },
    end,
    failed(failures) {
      // Schemas that were not started are only counted, because their errors repeat earlier failures.
      const left = failures.filter(({ error }) => error && error.code !== 'stopped' && !logged.has(error));
      for (const { error, schemas } of failuresAlike(left))
        if (error !== undefined) line('error', { type: 'error', ...error, ...shared(schemas) });
    },
  };
}

/** The names and the number of the schemas with the same error; nothing if there is only one. */
function shared(schemas: readonly NamedSchema[]): Pick<LoggedError, 'schemas' | 'count'> {
  const names = distinctNames(schemas);
  return names.length < 2 ? {} : { schemas: names.slice(0, mostNames), count: names.length };
}

/** Schemas with the same outcome, in the order in which they end: only the first one is logged immediately. */
function createSharedFailures() {
  const groups = new Map<string, FinishedAlike & { readonly schemas: string[]; count: number }>();
  return {
    /** True for the first schema with an error, and for every schema that did not fail. */
    isFirst({ database, schema, state, error }: SchemaOutcome | UndoneSchema): boolean {
      if (error === undefined) return true;
      const key = `${state} ${database} ${failureKey({ schema, error })}`;
      const group = groups.get(key);
      if (group === undefined) {
        const { schema: _, state: __, ...same } = error;
        groups.set(key, { type: 'schemas-finished', state, error: same, schemas: [], count: 0 });
        return true;
      }
      if (group.schemas.length < mostNames) group.schemas.push(schema);
      group.count += 1;
      return false;
    },
    /** The other schemas of each error, once. */
    take(): FinishedAlike[] {
      const found = [...groups.values()].filter(({ count }) => count > 0);
      groups.clear();
      return found;
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

const levels = {
  failed: 'error',
  skipped: 'warn',
  applied: 'info',
  undone: 'info',
  'up-to-date': 'debug',
  unchanged: 'debug',
} as const;

function levelOf(event: RunEvent): Level {
  switch (event.type) {
    case 'warning':
      return 'warn';
    case 'server-notice':
      return event.important ? 'warn' : 'debug';
    case 'schema-finished':
      return levels[event.outcome.state];
    case 'retrying':
    case 'rows-copied':
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
