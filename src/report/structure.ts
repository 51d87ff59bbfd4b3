import type { DriftFinding, NotReplayedFinding, StructureReport } from '../verify-results.ts';
import { leftOutText } from './adopt-baseline.ts';
import { placeOf } from './error.ts';
import type { Paint } from './paint.ts';
import { sideBySide } from './side-by-side.ts';
import { count, names, printable } from './table.ts';

const mostSchemas = 20;

/** Differences of structure: one paragraph each, with the schemas that have it. */
export function driftText(findings: readonly DriftFinding[], paint: Paint): string {
  return findings
    .map((finding) => {
      const { warning, message, file, schemas, scope } = finding;
      const title = warning === true ? paint('yellow', 'warning: drift') : paint('red', 'drift');
      const from = file === undefined ? '' : ` (${printable(file)})`;
      const where = scope === 'public' ? 'public schema' : count(schemas.length, 'tenant');
      const [expected, actual] = sideBySide(finding.expected, finding.actual);
      return `${title}: ${printable(message)}${from}
  expected: ${expected}
  actual:   ${actual}
  in ${where}: ${names(schemas, mostSchemas)}\n`;
    })
    .join('');
}

/** Files that could not be replayed, and what to do instead. */
export function notReplayedText(findings: readonly NotReplayedFinding[], paint: Paint): string {
  return findings
    .map(({ kind, message, error, schemas }) => {
      const place = placeOf(error);
      const where = place === null ? '' : `  at ${place}\n`;
      return `${paint('red', kind)}: ${printable(message)}\n${where}  not compared: ${names(schemas, mostSchemas)}
  hint: correct the file, since new tenants would fail in the same way, or compare the tenants with each other: sqlmig verify --siblings\n`;
    })
    .join('');
}

/** What a comparison of structures covered. */
export function structureText(
  { basis, compared, notCompared, leftOut, siblings = [] }: StructureReport,
  differences: number,
): string {
  const groups = siblings.filter(({ schemas }) => schemas.length > 0);
  const differing = groups.some(({ norm }) => !norm) ? groups : [];
  const what = basis === 'files' ? 'with what the files build' : 'with each other';
  const found = differences === 0 ? 'no differences' : count(differences, 'difference');
  const who = basis === 'files' ? count(compared, 'schema') : count(compared, 'tenant');
  return [
    ...differing.map(({ version, schemas, norm }) => {
      const title = norm ? 'norm' : 'outlier';
      return `${title} at ${version ?? 'no version'}: ${count(schemas.length, 'tenant')}: ${names(schemas, 5)}\n`;
    }),
    leftOutText(leftOut),
    ...notCompared.map(({ schemas, why }) => `not compared: ${names(schemas, 5)} (${printable(why)})\n`),
    `compared the structure of ${who} ${what}: ${found}\n`,
  ].join('');
}
