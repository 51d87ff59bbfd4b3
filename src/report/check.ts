import type { CheckResult } from '../results.ts';
import type { Paint } from './paint.ts';
import { lintLine } from './plan.ts';
import { count } from './table.ts';

/** The warnings about the files, one line each, and the number of files. */
export function checkText({ files, findings }: CheckResult, paint: Paint): string {
  const warnings = findings.length === 0 ? 'no warnings' : count(findings.length, 'warning');
  return [
    ...findings.map((finding) => lintLine(finding, paint)),
    `${count(files, 'file')}, ${warnings}\n`,
  ].join('');
}
