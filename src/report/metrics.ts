import type { UpResult } from '../results.ts';

/** A run as a text file for Prometheus (node_exporter's textfile collector); `now` in seconds since 1970. */
export function metricsText(result: Omit<UpResult, 'runId' | 'warnings'>, now: number): string {
  const migrations = result.schemas.reduce((sum, { migrations: applied }) => sum + applied.length, 0);
  const gauge = (name: string, help: string, values: readonly (readonly [labels: string, value: number])[]) =>
    `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${values.map(([labels, value]) => `${name}${labels} ${value}\n`).join('')}`;
  return [
    gauge('sqlmig_up_success', 'Whether the last run brought everything up to date.', [
      ['', Number(result.ok)],
    ]),
    gauge('sqlmig_up_finished_timestamp_seconds', 'When the last run ended.', [['', now]]),
    gauge('sqlmig_up_duration_seconds', 'How long the last run took.', [['', result.durationMs / 1000]]),
    gauge('sqlmig_up_migrations', 'How many migrations the last run applied.', [['', migrations]]),
    gauge('sqlmig_up_schemas', 'How the schemas came out of the last run.', [
      ['{state="applied"}', result.applied],
      ['{state="up-to-date"}', result.upToDate],
      ['{state="failed"}', result.failed],
      ['{state="skipped"}', result.skipped],
    ]),
    gauge('sqlmig_up_unconfirmed_schemas', 'How many of these may have lost what the last run applied.', [
      ['', result.unconfirmed],
    ]),
  ].join('');
}
