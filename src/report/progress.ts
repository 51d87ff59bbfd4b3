import type { RunEvent } from '../events.ts';
import { createNoticeGroups } from '../fleet/notice-groups.ts';
import { migrationLabel } from '../project/order.ts';
import type { SchemaOutcome } from '../results.ts';
import { createCounter, type ProgressOptions } from './counter.ts';
import { errorPictures, type Failure, failureKey, placeOf } from './error.ts';
import { noticeLine, noticesText } from './notices.ts';
import { count, names, placeLine, printable, schemaAndDatabase } from './table.ts';

/** Reports a run on stderr while it is in progress. */
export interface Progress {
  onEvent(event: RunEvent): void;
  /** Clears what was drawn and summarizes the messages of the server; after it only failures are written. */
  end(): void;
  /** Reports failures, except those that a line has reported in full. */
  failed(failures: readonly Failure[]): void;
}

/** Progress for people: one live line in a terminal, plain lines every few seconds in a pipe. */
export function createProgress({ verbose, ...options }: ProgressOptions): Progress {
  const { write, paint } = options;
  const counter = createCounter(options);
  const notices = createNoticeGroups();
  const copied = createCopied();
  // The first failure of a kind is reported at once, the others in one line at the end.
  const failures = new Map<string, { readonly what: string; readonly others: string[] }>();
  const failedLine = (schemas: readonly string[], what: string) =>
    `${paint('red', 'failed')} ${names(schemas, 10)}: ${what}`;
  const addFailure = ({ schema, error }: Pick<SchemaOutcome, 'schema' | 'error'>, who: string) => {
    const place = error === undefined ? null : placeOf(error);
    const what = `${printable(error?.message ?? '')}${place === null ? '' : ` (${place})`}`;
    const key = failureKey({ schema, ...(error && { error }) });
    const group = failures.get(key);
    if (group !== undefined) return void group.others.push(who);
    failures.set(key, { what, others: [] });
    counter.say(failedLine([who], what));
  };
  return {
    onEvent(event) {
      const { database } = event;
      if (event.type === 'phase-started') counter.start(event.scope, event.pending, database);
      if (event.type === 'copy-started') counter.start('rows', event.rows, database);
      if (event.type === 'rows-copied') counter.reach(copied.add(event));
      if (event.type === 'schema-finished') {
        const { scope, state } = event.outcome;
        if (state !== 'up-to-date' && state !== 'unchanged')
          counter.count(scope, state === 'failed', database);
        if (state === 'failed') addFailure(event.outcome, whose(event.outcome.schema, event));
      }
      if (event.type === 'server-notice' && !verbose) notices.add(withDatabase(event));
      for (const line of linesOf(event, verbose, options)) counter.say(line);
      counter.draw();
    },
    end() {
      counter.clear();
      for (const { what, others } of failures.values())
        if (others.length > 0) write(`${failedLine(others, `same error: ${what}`)}\n`);
      write(noticesText(notices));
    },
    failed: (failures) => write(errorPictures(failures, paint)),
  };
}

/** The name of a schema, with its database if there are several. */
function whose(schema: string, { database }: RunEvent): string {
  return schemaAndDatabase({ schema, database });
}

/** A message of the server whose schema has the name of its database, too. */
function withDatabase(event: RunEvent & { readonly type: 'server-notice' }) {
  const { schema } = event;
  return schema === undefined ? event : { ...event, schema: whose(schema, event) };
}

/** Sums up copied rows; a tenant that is copied again counts once. */
function createCopied() {
  const tables = new Map<string, number>();
  let sum = 0;
  return {
    add({ schema, table, rows }: { readonly schema: string; readonly table: string; readonly rows: number }) {
      const key = JSON.stringify([schema, table]);
      sum += rows - (tables.get(key) ?? 0);
      tables.set(key, rows);
      return sum;
    },
  };
}

/** The lines for an event itself. */
function linesOf(event: RunEvent, verbose: boolean, { paint }: Pick<ProgressOptions, 'paint'>): string[] {
  switch (event.type) {
    case 'run-started':
      return [placeLine(event).trimEnd(), ...(verbose ? [`run ${event.runId}`] : [])];
    case 'waiting':
      return [
        `waiting for ${printable(whose(event.schema, event))} for ${Math.round(event.waitedMs / 1000)} s: ${event.holders}`,
      ];
    case 'warning':
      return [
        `${paint('yellow', 'warning')}: ${event.database === undefined ? '' : `${printable(event.database)}: `}${printable(event.message)}`,
      ];
    default:
      return verbose ? verboseLinesOf(event) : [];
  }
}

function verboseLinesOf(event: RunEvent): string[] {
  switch (event.type) {
    case 'migration-applied':
    case 'migration-undone':
      return [
        `${printable(whose(event.schema, event))}  ${printable(migrationLabel(event.migration))}  ${event.migration.durationMs} ms`,
      ];
    case 'rows-copied':
      return [
        `${printable(whose(event.schema, event))}  ${printable(event.table)}  ${count(event.rows, 'row')} copied`,
      ];
    case 'retrying':
      return [
        `${printable(whose(event.schema, event))}: ${printable(event.reason)}; will retry (attempt ${event.attempt})`,
      ];
    case 'server-notice':
      return [noticeLine(withDatabase(event))];
    default:
      return [];
  }
}

/** No progress for people: only failures, at the end. */
export function createQuietProgress({ write, paint }: Pick<ProgressOptions, 'write' | 'paint'>): Progress {
  return { onEvent() {}, end() {}, failed: (failures) => write(errorPictures(failures, paint)) };
}
