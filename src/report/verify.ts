import type { Finding } from '../model.ts';
import type { VerifyResult } from '../results.ts';
import type { Paint } from './paint.ts';
import { lintLine, tenantsUnknownLine } from './plan.ts';
import { count, groupBy, printable } from './table.ts';

/** What `verify` found: a paragraph a finding, with every schema that has it, and a line for what is in a file. */
export function verifyText(result: VerifyResult, paint: Paint): string {
  const lints = result.findings.filter((finding) => finding.kind === 'lint');
  const inDownFiles = result.findings.filter((finding) => finding.kind === 'down-file');
  const findings = result.findings.filter(
    (finding): finding is Finding => finding.kind !== 'lint' && finding.kind !== 'down-file',
  );
  const groups = groupBy(findings, ({ kind, scope, message }) => JSON.stringify([kind, scope, message]));
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
    ...groups.map((group) => paragraph(group as [Finding], paint)),
    unknown,
    inDownFiles.length === 0
      ? ''
      : `${count(inDownFiles.length, 'finding')} in .down.sql files, which no run reads\n`,
    verdict,
  ].join('');
}

function paragraph(group: readonly [Finding, ...Finding[]], paint: Paint): string {
  const [{ kind, scope, message }] = group;
  const who = group.map((finding) => printable(finding.schema)).join(', ');
  return `${paint('red', kind)}: ${message}\n  in ${scope === 'public' ? 'public schema' : count(group.length, 'tenant')}: ${who}\n`;
}
