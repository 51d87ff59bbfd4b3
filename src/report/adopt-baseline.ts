import type { ProposedBaseline, RefusedBaseline } from '../baseline/baseline-proposals.ts';
import type { ReplayWay } from '../baseline/replayed.ts';
import type { ErrorDetails } from '../results.ts';
import type { StructureDifference } from '../structure/schema-differences.ts';
import type { LeftOutStatement } from '../verify-results.ts';
import { placeOf } from './error.ts';
import { excerpt, oneLine } from './excerpt.ts';
import { sideBySide } from './side-by-side.ts';
import { count, groupBy, names, printable, schemaNames } from './table.ts';

const mostDifferences = 50;

/** The baselines to record, one line for equal schemas. */
export function baselinesText(baselines: readonly ProposedBaseline[]): string {
  return groupBy(baselines, ({ schema: _, ...rest }) => JSON.stringify(rest))
    .map((group) => {
      const [{ scope, version, files, repeatables }] = group as [ProposedBaseline];
      const upTo = version === null ? '' : ` up to ${version}`;
      const more = repeatables === 0 ? '' : `, including ${count(repeatables, 'repeatable')}`;
      return `${schemaNames(group, 5)}: ${count(files, `${scope} file`)}${upTo} recorded as applied${more}\n`;
    })
    .join('');
}

/** The differences from the structure that the files build, one line each with its schemas. */
export function differencesText(differences: readonly StructureDifference[]): string {
  const shown = differences.slice(0, mostDifferences).map((difference) => {
    const { kind, objectKind, object, file, schemas } = difference;
    const from = file === null ? '' : ` (${printable(file)})`;
    return `${names(schemas, 5)}: ${titles[kind]} ${objectKind} ${printable(object)}${from}${detail(difference)}\n`;
  });
  const more = differences.length - shown.length;
  return shown.join('') + (more > 0 ? `and ${count(more, 'more difference')}; --json shows all\n` : '');
}

const titles: Readonly<Record<StructureDifference['kind'], string>> = {
  'missing-object': 'missing',
  'extra-object': 'not in the files:',
  'changed-object': 'different',
  'invalid-index': 'invalid',
  'not-validated': 'not validated:',
};

function detail({ attribute, expected, actual }: StructureDifference): string {
  if (attribute === null) {
    const text = expected ?? actual ?? '';
    return text === '' ? '' : `\n  ${printable(excerpt(oneLine(text)))}`;
  }
  const [wanted, found] = sideBySide(expected, actual);
  return `\n  ${attribute} in the files: ${wanted}\n  ${attribute} in the database: ${found}`;
}

/** Why no baseline is recorded. */
export function refusedBaselinesText(refused: readonly RefusedBaseline[]): string {
  return groupBy(refused, ({ message, hint }) => JSON.stringify([message, hint]))
    .map((group) => {
      const [{ message, hint }] = group as [RefusedBaseline];
      return `${schemaNames(group, 10)}\n  refused: ${printable(message)}\n  hint: ${printable(hint)}\n`;
    })
    .join('');
}

/** Why the files could not be replayed. */
export function replayErrorText({ message, file, line, hint }: ErrorDetails): string {
  const place = placeOf({ file, line });
  const advice = hint === undefined ? '' : `  hint: ${printable(hint)}\n`;
  return `the files cannot be replayed, so nothing was compared\n  ${place === null ? '' : `${place}: `}${printable(message)}\n${advice}`;
}

/** Where the files were replayed, unless it was in a temporary database. */
export function replayWayText(way: ReplayWay | null): string {
  return way === 'transaction'
    ? 'replayed in a transaction that was rolled back, because the role may not create a database\n'
    : '';
}

/** The statements that were not replayed. */
export function leftOutText(leftOut: readonly LeftOutStatement[]): string {
  if (leftOut.length === 0) return '';
  const places = leftOut.map(({ file, line, what }) => `${printable(file)}:${line} (${what})`);
  return `not replayed: ${names(places, 5)}\n`;
}
