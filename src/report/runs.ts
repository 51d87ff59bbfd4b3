import type { RunRecord } from '../history/run-log.ts';
import type { RunsResult } from '../operations/runs.ts';
import { inSections } from './sections.ts';
import { count, names, paragraph, printable, titledTable } from './table.ts';

const titles = ['run', 'command', 'started (UTC)', 'time', 'result', 'schemas', 'migrations', 'by'];

/** One line per run, the newest first; then what failed or was not started in the newest one. */
export function runsText(result: RunsResult): string {
  return inSections({ ...result, ok: true, schemas: result.runs }, (own) => sectionText(own(result.runs)));
}

function sectionText(runs: readonly RunRecord[]): string {
  const none = 'no runs are recorded yet: only runs that apply or undo something, or fail, are recorded\n';
  const table = titledTable(titles, runs.map(row));
  return (table === '' ? none : table) + leftText(runs[0]);
}

function row({ runId, command, startedAt, appliedBy, state, outcome }: RunRecord): string[] {
  const began = [printable(runId), command, startedAt.replace('T', ' ').replace('Z', '')];
  if (outcome === null) return [...began, '', state, '', '', printable(appliedBy)];
  const { durationMs, changed, failed, skipped, migrations } = outcome;
  const schemas = [
    `${changed} ${command === 'up' ? 'applied' : 'undone'}`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} not started`] : []),
  ];
  const time = `${(durationMs / 1000).toFixed(1)} s`;
  return [...began, time, state, schemas.join(', '), String(migrations), printable(appliedBy)];
}

const mostNames = 20;

function leftText(run: RunRecord | undefined): string {
  if (run === undefined || run.outcome === null || run.outcome.ok) return '';
  const { failedSchemas, skippedSchemas, failed, skipped, errors } = run.outcome;
  const list = (title: string, total: number, schemas: readonly string[]) =>
    total === 0 ? '' : paragraph(`${title} (${count(total, 'schema')})`, [names(schemas, mostNames)]);
  const found = errors.map(({ code, message, count: n }) => {
    const where = n === 0 ? '' : `${count(n, 'schema')}: `;
    return `${where}${code}: ${printable(message)}`;
  });
  return [
    list('failed in the last run', failed, failedSchemas),
    list('not started in the last run', skipped, skippedSchemas),
    found.length === 0 ? '' : paragraph('errors of the last run', found),
  ].join('');
}
