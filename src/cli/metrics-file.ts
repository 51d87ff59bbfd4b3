import { SqlmigError } from '../errors.ts';
import { metricsText } from '../report/metrics.ts';
import type { UpResult } from '../results.ts';
import { openOutput } from './output-file.ts';

/** The file of `--metrics`, written once, when the run ends. */
interface MetricsFile {
  /** Writes what came of the run; nothing where it did before. Gives why it could not; never throws. */
  end(result?: UpResult): SqlmigError | null;
}

/**
 * Opens the file as `openOutput` does. Where the process ends without `end`, a run without success is written.
 * @throws SqlmigError `bad-usage` where it cannot be written.
 */
export function openMetrics(file: string, cwd: string): MetricsFile {
  const output = openOutput('--metrics', file, cwd);
  const started = performance.now();
  let isOpen = true;
  const end: MetricsFile['end'] = (result) => {
    if (!isOpen) return null;
    isOpen = false;
    process.removeListener('exit', atExit);
    const durationMs = Math.round(performance.now() - started);
    try {
      output.write(metricsText(result ?? { ...nothing, durationMs }, Math.round(Date.now() / 1000)));
      return null;
    } catch (error) {
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
