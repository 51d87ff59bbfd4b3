import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SqlmigError } from '../errors.ts';
import { metricsText } from '../report/metrics.ts';
import type { UpResult } from '../results.ts';
import { usage } from './options.ts';

/** The file of `--metrics`, written once, when the run ends. */
interface MetricsFile {
  /** Writes what came of the run; nothing where it did before. Gives why it could not; never throws. */
  end(result?: UpResult): SqlmigError | null;
}

/**
 * Looks whether the file can be written, so that a run need not find out after its work. Where the process ends without
 * `end`, a run without success is written.
 * @throws SqlmigError `bad-usage` where it cannot.
 */
export function openMetrics(file: string, cwd: string): MetricsFile {
  const path = resolve(cwd, file);
  const making = `${path}.${process.pid}`;
  try {
    if (file === '') throw new Error('it has no name');
    // A device would be replaced by the file.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false)
      throw new Error('it is not a regular file');
    writeFileSync(making, '');
    rmSync(making);
  } catch (error) {
    const hint = 'specify a file in an existing folder that is writable';
    throw usage(`--metrics cannot write "${file}": ${(error as Error).message}`, hint);
  }
  const started = performance.now();
  let isOpen = true;
  const end: MetricsFile['end'] = (result) => {
    if (!isOpen) return null;
    isOpen = false;
    process.removeListener('exit', atExit);
    const durationMs = Math.round(performance.now() - started);
    try {
      // Whole or not at all: a collector may read at any moment.
      writeFileSync(making, metricsText(result ?? { ...nothing, durationMs }, Math.round(Date.now() / 1000)));
      renameSync(making, path);
      return null;
    } catch (error) {
      rmSync(making, { force: true });
      return new SqlmigError('output-failed', `cannot write the metrics: ${(error as Error).message}`, {
        state: 'the run itself is not affected; its metrics are missing',
        hint: 'check the disk and the folder of --metrics',
        cause: error,
      });
    }
  };
  const atExit = () => void end();
  process.once('exit', atExit);
  return { end };
}

/** A run that did not come to its work. */
const nothing = {
  ok: false,
  applied: 0,
  upToDate: 0,
  failed: 0,
  skipped: 0,
  unconfirmed: 0,
  schemas: [],
} as const;
