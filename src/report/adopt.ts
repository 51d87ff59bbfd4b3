import type { Obstacle, ToolSession } from '../adopt/foreign-histories.ts';
import type { KindCount, PublicContents } from '../move/contents.ts';
import type { AdoptReport, ForeignHistory, HistoryMatch } from '../operations/adopt.ts';
import { commandLine } from '../text/command-line.ts';
import { count, groupBy, names, paragraph, placeLine, printable, schemaNames } from './table.ts';

/** The histories of other tools, one paragraph for equal ones, and the contents of public. */
export function adoptText(report: AdoptReport): string {
  const { histories, sessions } = report;
  const contents = report.public === null ? '' : contentsText(report.public, histories);
  if (histories.length === 0) return `${placeLine(report)}no other tool's history was found\n${contents}`;
  const groups = groupBy(histories, ({ tool, table, takenOver, match, refused }) =>
    JSON.stringify([tool, table, takenOver, match, refused?.hint]),
  );
  const importable = histories.some(({ match }) => match !== null && match.applied > 0);
  const next = report.ok && importable ? nextText(report.files) : '';
  const found = groups.map(groupText).join('') + sessions.map(sessionLine).join('');
  return placeLine(report) + found + next + contents;
}

function nextText(files: string | null): string {
  if (files === null) return 'import them with: sqlmig adopt --history --all\n';
  const convert = commandLine('adopt', '--convert', files);
  const history = commandLine('adopt', '--history', '--files', files, '--all');
  return `convert the files with: ${convert}\nthen import the history with: ${history}\n`;
}

function contentsText(contents: PublicContents, histories: readonly ForeignHistory[]): string {
  const { schema, counts, keep, obstacles, notes, command } = contents;
  const withHistory = histories.some((history) => history.schema === schema && !history.takenOver);
  const lines = [
    ...(counts.length === 0 ? [] : [`would become a tenant: ${countsText(counts)}`]),
    ...(keep.length === 0
      ? []
      : [`would stay, because only files of ${printable(schema)} create them: ${names(keep, 5)}`]),
    ...obstacles.flatMap(refusalLines),
    ...notes.map((note) => `note: ${printable(note)}`),
    ...(withHistory ? ['note: do not import the history first, because the move imports it'] : []),
  ];
  const next = `make it a tenant with: ${printable(command)}\n`;
  return paragraph(`contents of ${printable(schema)}`, lines) + next;
}

/** How many objects of each kind move, in words. */
export function countsText(counts: readonly KindCount[]): string {
  const moving = counts.filter(({ moves }) => moves > 0);
  return moving.map(({ kind, moves }) => count(moves, kind, pluralOf(kind))).join(', ') || 'nothing';
}

function pluralOf(kind: string): string {
  if (kind === 'operator class') return 'operator classes';
  return kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`;
}

/** Why something is refused, and what to do about it. */
export function refusalLines({ message, hint }: Obstacle): string[] {
  return [`refused: ${printable(message)}`, `hint: ${printable(hint)}`];
}

/** A session that may belong to a tool that is migrating now. */
export function sessionLine({ tool, pid, application, lock }: ToolSession): string {
  return `${tool} may be running: backend ${pid} (${printable(application) || 'no application name'}) has ${lock}\n`;
}

function groupText(group: readonly ForeignHistory[]): string {
  const [first] = group;
  if (first === undefined) return '';
  const { tool, table, takenOver, match, refused } = first;
  const schemas = schemaNames(group, 5);
  const found = refused === null ? matchLines(match) : refusalLines(refused);
  const lines = takenOver ? ['taken over by sqlmig'] : found;
  return paragraph(`${tool}: ${printable(table)} in ${schemas}`, lines);
}

/** What recorded times mean, in words. */
export function timeText(time: HistoryMatch['time']): string {
  return times[time];
}

const times: Readonly<Record<HistoryMatch['time'], string>> = {
  exact: 'the times at which they were applied are kept',
  'zone-unknown': 'the times at which they were applied have no time zone and are read as UTC',
  none: 'the tool does not record when they were applied',
};

function matchLines(match: HistoryMatch | null): string[] {
  if (match === null) return [];
  const { folder, applied, withoutFile, withoutRow, skipped, caveat, time } = match;
  const pending = withoutRow.filter((path) => !skipped.includes(path));
  return [
    `${count(applied, 'file')} of ${printable(folder)} applied${checkedText(match)}`,
    ...(match.changed.length === 0 ? [] : [`changed since: ${names(match.changed, 5)}`]),
    ...(withoutFile.length === 0 ? [] : [`applied without a file: ${names(withoutFile, 5)}`]),
    ...(skipped.length === 0 ? [] : [`not applied, although later files are: ${names(skipped, 5)}`]),
    ...(pending.length === 0 ? [] : [`not applied: ${names(pending, 5)}`]),
    timeText(time),
    ...(caveat === null ? [] : [`note: ${caveat}`]),
  ];
}

function checkedText({ applied, checkedBy, equal, changed, unverified }: HistoryMatch): string {
  if (applied === 0) return '';
  if (checkedBy === null) return '; the tool records no checksum';
  const parts = [
    `${equal} equal`,
    ...(changed.length === 0 ? [] : [`${changed.length} changed`]),
    ...(unverified === 0 ? [] : [`${unverified} not verified`]),
  ];
  return `: ${parts.join(', ')} by ${checkedBy}`;
}
