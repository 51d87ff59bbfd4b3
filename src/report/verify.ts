import type { Finding } from '../model.ts';
import type { VerifyResult } from '../results.ts';
import { findingsText } from './findings.ts';
import type { Paint } from './paint.ts';
import { lintLine, tenantsUnknownLine } from './plan.ts';
import { count } from './table.ts';

/** What `verify` found: a paragraph a finding, with every schema that has it, and a line for what is in a file. */
export function verifyText(result: VerifyResult, paint: Paint): string {
  const lints = result.findings.filter((finding) => finding.kind === 'lint');
  const inDownFiles = result.findings.filter((finding) => finding.kind === 'down-file');
  const findings = result.findings.filter(
    (finding): finding is Finding => finding.kind !== 'lint' && finding.kind !== 'down-file',
  );
  const unknown = result.tenantsUnknown === undefined ? '' : `${tenantsUnknownLine(result.tenantsUnknown)}\n`;
  const verdict =
    findings.length === 0
      ? `${result.ok ? `${paint('green', 'clean')}: ` : ''}${count(result.schemas, 'schema')} as the files say\n`
      : `${count(findings.length, 'finding')} in ${count(new Set(findings.map((f) => f.schema)).size, 'schema')} of ${result.schemas}\n`;
  return [
    ...lints.map((lint) => lintLine(lint, paint)),
    ...inDownFiles.map(
      ({ kind, file, line, column, message }) =>
        `${paint('red', kind)}: ${file}:${line}:${column}: ${message}\n`,
    ),
    findingsText(findings, paint),
    unknown,
    inDownFiles.length === 0
      ? ''
      : `${count(inDownFiles.length, 'finding')} in .down.sql files, which no run reads\n`,
    verdict,
  ].join('');
}
