import type { UpResult } from '../results.ts';

/** A run in Prometheus text format (for the textfile collector of node_exporter); `now` in seconds since 1970. */
export function metricsText(result: Omit<UpResult, 'runId' | 'warnings'>, now: number): string {
  const migrations = result.schemas.reduce((sum, { migrations: applied }) => sum + applied.length, 0);
  const gauge = (name: string, help: string, values: readonly (readonly [labels: string, value: number])[]) =>
    `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${values.map(([labels, value]) => `${name}${labels} ${value}\n`).join('')}`;
  return [
    gauge('sqlmig_up_success', 'Whether the last run succeeded.', [['', Number(result.ok)]]),
    gauge('sqlmig_up_finished_timestamp_seconds', 'End of the last run.', [['', now]]),
    gauge('sqlmig_up_duration_seconds', 'Duration of the last run.', [['', result.durationMs / 1000]]),
    gauge('sqlmig_up_migrations', 'Number of migrations that the last run applied.', [['', migrations]]),
    gauge('sqlmig_up_schemas', 'Number of schemas by outcome of the last run.', [
      ['{state="applied"}', result.applied],
      ['{state="up-to-date"}', result.upToDate],
      ['{state="failed"}', result.failed],
      ['{state="skipped"}', result.skipped],
    ]),
    gauge('sqlmig_up_unconfirmed_schemas', 'Number of schemas whose commits may have been lost.', [
      ['', result.unconfirmed],
    ]),
  ].join('');
}
