import type { ScopeName } from '../results.ts';
import type { Paint } from './paint.ts';

/** Where and how progress is written. */
export interface ProgressOptions {
  readonly write: (text: string) => void;
  /** One line that is redrawn, instead of a new line every few seconds. */
  readonly live: boolean;
  /** The width of the terminal, for `live`. */
  readonly columns: () => number;
  readonly verbose: boolean;
  readonly paint: Paint;
  readonly now: () => number;
}

/**
 * How many schemas of a phase, or rows, are done, drawn as a line with rate and remaining time. Databases that are
 * worked on at the same time are added up.
 */
interface Counter {
  start(what: ScopeName | 'rows', total: number, database?: string): void;
  /** Counts a schema; one of another phase is not counted. */
  count(scope: ScopeName, failed: boolean, database?: string): void;
  /** Sets the number that are done. */
  reach(done: number): void;
  /** Writes a line above the counter. */
  say(line: string): void;
  /** Draws the counter, unless it was drawn just before. */
  draw(): void;
  clear(): void;
}

/** The phase that a database is in. */
interface Phase {
  readonly what: string;
  readonly started: number;
  total: number;
  done: number;
  failures: number;
}

const drawEveryMs = 100;
const lineEveryMs = 3_000;
const barWidth = 24;
const narrowestBar = 5;

/** A counter: a bar in a terminal, plain lines in a pipe. */
export function createCounter({
  write,
  live,
  columns,
  paint,
  now,
}: Omit<ProgressOptions, 'verbose'>): Counter {
  const phases = new Map<string | undefined, Phase>();
  let lastDrawn = live ? Number.NEGATIVE_INFINITY : now();
  let drawn = false;
  const clear = () => {
    if (drawn) write('\r\x1b[2K');
    drawn = false;
  };
  return {
    clear,
    start(what, total, database) {
      phases.set(database, { what, total, done: 0, started: now(), failures: 0 });
      // Even if connecting took long, a phase that has just begun has no progress to report.
      if (!live) lastDrawn = now();
    },
    reach(done) {
      for (const phase of phases.values()) phase.done = Math.min(phase.total, done);
    },
    count(scope, failed, database) {
      const phase = phases.get(database);
      if (phase === undefined) return;
      if (scope === phase.what) {
        phase.done += 1;
        // A schema that is refused has failed although it was not pending.
        phase.total = Math.max(phase.total, phase.done);
      } else if (phase.what !== 'rows') return;
      if (failed) phase.failures += 1;
    },
    say(line) {
      clear();
      write(`${line}\n`);
    },
    draw() {
      const phase = furthest([...phases.values()]);
      const { total, started, failures } = phase;
      if (total === 0 || now() - lastDrawn < (live ? drawEveryMs : lineEveryMs)) return;
      lastDrawn = now();
      const bad = failures === 0 ? '' : `, ${failures} failed`;
      const text = counterText(phase, (now() - started) / 1000, bad);
      if (!live) return write(`${text}\n`);
      clear();
      write(liveLine(text, { ...phase, columns: columns(), paint }));
      drawn = true;
    },
  };
}

/** The current phase of all databases, summed up: the tenants' phase once any database has started it. */
function furthest(phases: readonly Phase[]): Phase {
  const isLast = phases.some(({ what }) => what !== 'public');
  const same = phases.filter(({ what }) => !isLast || what !== 'public');
  const sum = (key: 'total' | 'done' | 'failures') => same.reduce((n, phase) => n + phase[key], 0);
  return {
    what: same[0]?.what ?? '',
    total: sum('total'),
    done: sum('done'),
    failures: sum('failures'),
    started: Math.min(...same.map(({ started }) => started)),
  };
}

/** A bar and the text, cut to the width: a line that wraps cannot be erased. */
function liveLine(
  text: string,
  {
    total,
    done,
    columns,
    paint,
  }: { readonly total: number; readonly done: number; readonly columns: number; readonly paint: Paint },
): string {
  const room = columns - 1;
  const width = Math.min(barWidth, room - text.length - 1);
  if (width < narrowestBar) return text.slice(0, room);
  const full = Math.round((done / total) * width);
  return `${paint('cyan', '█'.repeat(full))}${'░'.repeat(width - full)} ${text.replace(/\d+ failed/, (bad) => paint('red', bad))}`;
}

function counterText(
  { what, total, done }: { readonly what: string; readonly total: number; readonly done: number },
  seconds: number,
  failures: string,
): string {
  const rate = seconds > 0 ? done / seconds : 0;
  const eta = rate > 0 && done < total ? `, ${Math.ceil((total - done) / rate)} s left` : '';
  return `${what} ${done}/${total} (${rate.toFixed(rate < 10 ? 1 : 0)}/s${eta}${failures})`;
}
