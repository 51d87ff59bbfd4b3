import type { RunEvent } from '../events.ts';
import { createNoticeGroups } from '../fleet/notice-groups.ts';
import { migrationLabel } from '../project/order.ts';
import type { SchemaOutcome } from '../results.ts';
import { createCounter, type ProgressOptions } from './counter.ts';
import { errorPictures, type Failure, failureKey, placeOf } from './error.ts';
import { noticeLine, noticesText } from './notices.ts';
import { count, names, placeLine, printable } from './table.ts';

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
  const addFailure = ({ schema, error }: Pick<SchemaOutcome, 'schema' | 'error'>) => {
    const place = error === undefined ? null : placeOf(error);
    const what = `${printable(error?.message ?? '')}${place === null ? '' : ` (${place})`}`;
    const key = failureKey({ schema, ...(error && { error }) });
    const group = failures.get(key);
    if (group !== undefined) return void group.others.push(schema);
    failures.set(key, { what, others: [] });
    counter.say(failedLine([schema], what));
  };
  return {
    onEvent(event) {
      if (event.type === 'phase-started') counter.start(event.scope, event.pending);
      if (event.type === 'copy-started') counter.start('rows', event.rows);
      if (event.type === 'rows-copied') counter.reach(copied.add(event));
      if (event.type === 'schema-finished') {
        const { scope, state } = event.outcome;
        if (state !== 'up-to-date' && state !== 'unchanged') counter.count(scope, state === 'failed');
        if (state === 'failed') addFailure(event.outcome);
      }
      if (event.type === 'server-notice' && !verbose) notices.add(event);
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
        `waiting for ${printable(event.schema)} for ${Math.round(event.waitedMs / 1000)} s: ${event.holders}`,
      ];
    case 'warning':
      return [`${paint('yellow', 'warning')}: ${printable(event.message)}`];
    default:
      return verbose ? verboseLinesOf(event) : [];
  }
}

function verboseLinesOf(event: RunEvent): string[] {
  switch (event.type) {
    case 'migration-applied':
    case 'migration-undone':
      return [
        `${printable(event.schema)}  ${printable(migrationLabel(event.migration))}  ${event.migration.durationMs} ms`,
      ];
    case 'rows-copied':
      return [`${printable(event.schema)}  ${printable(event.table)}  ${count(event.rows, 'row')} copied`];
    case 'retrying':
      return [
        `${printable(event.schema)}: ${printable(event.reason)}; will retry (attempt ${event.attempt})`,
      ];
    case 'server-notice':
      return [noticeLine(event)];
    default:
      return [];
  }
}

/** No progress for people: only failures, at the end. */
export function createQuietProgress({ write, paint }: Pick<ProgressOptions, 'write' | 'paint'>): Progress {
  return { onEvent() {}, end() {}, failed: (failures) => write(errorPictures(failures, paint)) };
}
