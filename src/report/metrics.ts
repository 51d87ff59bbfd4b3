import type { UpResult } from '../results.ts';

type Result = Omit<UpResult, 'runId' | 'warnings'>;
type Value = readonly [labels: readonly string[], value: number];

const states = ['applied', 'up-to-date', 'failed', 'skipped'] as const;

/**
 * A run in Prometheus text format (for the textfile collector of node_exporter); `now` in seconds since 1970. If the
 * config has several databases, a value of one database has its name as a label.
 */
export function metricsText(result: Result, now: number): string {
  const each = (valuesOf: (part: Pick<Result, 'ok' | 'schemas'>) => readonly Value[]) =>
    partsOf(result).flatMap(({ labels, ...part }) =>
      valuesOf(part).map(([own, value]): Value => [[...labels, ...own], value]),
    );
  const ofEach = (numberOf: (part: Pick<Result, 'ok' | 'schemas'>) => number) =>
    each((part) => [[[], numberOf(part)]]);
  return [
    gauge(
      'sqlmig_up_success',
      'Whether the last run succeeded.',
      ofEach(({ ok }) => Number(ok)),
    ),
    gauge('sqlmig_up_finished_timestamp_seconds', 'End of the last run.', [[[], now]]),
    gauge('sqlmig_up_duration_seconds', 'Duration of the last run.', [[[], result.durationMs / 1000]]),
    gauge(
      'sqlmig_up_migrations',
      'Number of migrations that the last run applied.',
      ofEach(({ schemas }) => schemas.reduce((sum, { migrations }) => sum + migrations.length, 0)),
    ),
    gauge(
      'sqlmig_up_schemas',
      'Number of schemas by outcome of the last run.',
      each(({ schemas }) =>
        states.map((state): Value => {
          const same = schemas.filter((outcome) => outcome.state === state);
          return [[label('state', state)], same.length];
        }),
      ),
    ),
    gauge(
      'sqlmig_up_unconfirmed_schemas',
      'Number of schemas whose commits may have been lost.',
      ofEach(({ schemas }) => schemas.filter(({ confirmed }) => confirmed === false).length),
    ),
  ].join('');
}

/** The databases of a run, each with its label; a run in one database has none. */
function partsOf({ ok, schemas, databases }: Result) {
  if (databases === undefined) return [{ labels: [], ok, schemas }];
  return databases.map((part) => ({
    labels: [label('database', part.database)],
    ok: part.ok,
    schemas: schemas.filter(({ database }) => database === part.database),
  }));
}

function label(name: string, value: string): string {
  return `${name}="${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}

function gauge(name: string, help: string, values: readonly Value[]): string {
  const lines = values.map(
    ([labels, value]) => `${name}${labels.length === 0 ? '' : `{${labels.join(',')}}`} ${value}\n`,
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`;
}
