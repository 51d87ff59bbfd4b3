import type { RunEvent } from '../events.ts';
import { createNoticeGroups } from '../fleet/notice-groups.ts';
import type { ErrorDetails } from '../results.ts';
import { withoutOwnName } from './alike.ts';
import { errorPictures, type Failure, placeOf } from './error.ts';
import { noticeLine, noticesText } from './notices.ts';
import type { Paint } from './paint.ts';
import { names, placeLine, printable } from './table.ts';

/** Tells of a run while it goes on, on stderr. */
export interface Progress {
  onEvent(event: RunEvent): void;
  /** Clears what was drawn, and tells what the server said; after it only failures are written. */
  end(): void;
  /** Tells what went wrong, but for what a line has told in full already. */
  failed(failures: readonly Failure[]): void;
}

/** Where and how progress is written. */
export interface ProgressOptions {
  readonly write: (text: string) => void;
  /** A line that is drawn over and over, instead of lines one after the other. */
  readonly live: boolean;
  readonly verbose: boolean;
  readonly paint: Paint;
  readonly now: () => number;
}

const drawEveryMs = 100;
const lineEveryMs = 3_000;
const barWidth = 24;

/** Progress for people: one live line in a terminal, plain lines every few seconds in a pipe. */
export function createProgress({ write, live, verbose, paint, now }: ProgressOptions): Progress {
  let scope = '';
  let total = 0;
  let done = 0;
  let failed = 0;
  let started = now();
  let lastDrawn = live ? Number.NEGATIVE_INFINITY : now();
  let drawn = false;
  const notices = createNoticeGroups();
  // The first that fails in a way is told at once, the others in one line at the end.
  const failures = new Map<string, { readonly what: string; readonly others: string[] }>();
  const failedLine = (schemas: readonly string[], what: string) =>
    `${paint('red', 'failed')} ${names(schemas, 10)}: ${what}`;

  const clear = () => {
    if (drawn) write('\r\x1b[2K');
    drawn = false;
  };
  const say = (line: string) => {
    clear();
    write(`${line}\n`);
  };
  const draw = () => {
    if (total === 0 || now() - lastDrawn < (live ? drawEveryMs : lineEveryMs)) return;
    lastDrawn = now();
    const seconds = (now() - started) / 1000;
    const rate = seconds > 0 ? done / seconds : 0;
    const eta = rate > 0 && done < total ? `, ${Math.ceil((total - done) / rate)} s left` : '';
    const bad = failed === 0 ? '' : paint('red', `, ${failed} failed`);
    const text = `${scope} ${done}/${total} (${rate.toFixed(rate < 10 ? 1 : 0)}/s${eta}${bad})`;
    if (!live) return write(`${text}\n`);
    const full = Math.round((done / total) * barWidth);
    clear();
    write(`${paint('cyan', '█'.repeat(full))}${'░'.repeat(barWidth - full)} ${text}`);
    drawn = true;
  };

  return {
    onEvent(event) {
      switch (event.type) {
        case 'run-started':
          say(placeLine(event).trimEnd());
          if (verbose) say(`run ${event.runId}`);
          break;
        case 'phase-started':
          scope = event.scope;
          total = event.pending;
          done = 0;
          started = now();
          break;
        case 'migration-applied': {
          const { version, name, durationMs } = event.migration;
          if (verbose) say(`${printable(event.schema)}  ${version ?? 'R_'}_${name}  ${durationMs} ms`);
          break;
        }
        case 'schema-finished': {
          const { state, schema, error } = event.outcome;
          if (state !== 'up-to-date') done = Math.min(total, done + 1);
          if (state === 'failed') {
            failed += 1;
            const place = error === undefined ? null : placeOf(error);
            const what = `${error?.message}${place === null ? '' : ` (${place})`}`;
            const key = withoutOwnName(what, schema);
            const group = failures.get(key);
            if (group !== undefined) group.others.push(schema);
            else {
              failures.set(key, { what, others: [] });
              say(failedLine([schema], what));
            }
          }
          break;
        }
        case 'retrying':
          if (verbose) say(`${printable(event.schema)}: ${event.reason}; will come back (${event.attempt})`);
          break;
        case 'waiting':
          say(
            `waiting for ${printable(event.schema)} for ${Math.round(event.waitedMs / 1000)} s: ${event.holders}`,
          );
          break;
        case 'warning':
          say(`${paint('yellow', 'warning')}: ${event.message}`);
          break;
        case 'server-notice':
          if (verbose) say(noticeLine(event));
          else notices.add(event);
          break;
      }
      draw();
    },
    end() {
      clear();
      for (const { what, others } of failures.values())
        if (others.length > 0) write(`${failedLine(others, `in the same way: ${what}`)}\n`);
      write(noticesText(notices));
    },
    failed: (failures) => write(errorPictures(failures, paint)),
  };
}

/** No progress for people: only what went wrong, at the end. */
export function createQuietProgress({ write, paint }: Pick<ProgressOptions, 'write' | 'paint'>): Progress {
  return { onEvent() {}, end() {}, failed: (failures) => write(errorPictures(failures, paint)) };
}

/**
 * Progress for machines: every event that says something, as a line of JSON with its time; with `errors` only the schemas
 * that fail, with `all` the rest too.
 */
export function createJsonLog(write: (text: string) => void, tells: 'errors' | 'usual' | 'all'): Progress {
  const told = new WeakSet<ErrorDetails>();
  let run: { runId?: string } = {};
  const line = (value: object) =>
    write(`${JSON.stringify({ time: new Date().toISOString(), ...run, ...value })}\n`);
  return {
    onEvent(event) {
      if (event.type === 'run-started') run = { runId: event.runId };
      const failure = event.type === 'schema-finished' && event.outcome.state === 'failed';
      if (tells === 'errors' && !failure) return;
      const isQuiet =
        (event.type === 'server-notice' && !event.important) ||
        event.type === 'retrying' ||
        (event.type === 'schema-finished' && event.outcome.state === 'up-to-date');
      if (isQuiet && tells !== 'all') return;
      const error =
        event.type === 'schema-finished'
          ? event.outcome.error
          : event.type === 'run-finished'
            ? event.result.error
            : undefined;
      if (error !== undefined) told.add(error);
      if (event.type !== 'run-finished') return line(event);
      // Schemas and warnings were told one by one.
      const { schemas: _, warnings: __, ...result } = event.result;
      line({ type: event.type, ...result });
    },
    end() {},
    failed(failures) {
      for (const { error } of failures) {
        // What was never started is counted, and says nothing that the failures before it do not.
        if (error === undefined || error.code === 'stopped' || told.has(error)) continue;
        line({ type: 'error', ...error });
      }
    },
  };
}
