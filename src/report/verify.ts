import type { Finding, VerifyResult } from '../model.ts';
import type { Paint } from './paint.ts';
import { tenantsUnknownLine } from './plan.ts';
import { count, groupBy, printable } from './table.ts';

/** What `verify` found: a paragraph a finding, with every schema that has it. */
export function verifyText(result: VerifyResult, paint: Paint): string {
  const groups = groupBy(result.findings, ({ kind, scope, message }) =>
    JSON.stringify([kind, scope, message]),
  );
  const unknown = result.tenantsUnknown === undefined ? '' : `${tenantsUnknownLine(result.tenantsUnknown)}\n`;
  const verdict = result.ok
    ? `${paint('green', 'clean')}: ${count(result.schemas, 'schema')} as the files say\n`
    : `${count(result.findings.length, 'finding')} in ${count(new Set(result.findings.map((f) => f.schema)).size, 'schema')} of ${result.schemas}\n`;
  return groups.map((group) => paragraph(group as [Finding], paint)).join('') + unknown + verdict;
}

function paragraph(group: readonly [Finding, ...Finding[]], paint: Paint): string {
  const [{ kind, scope, message }] = group;
  const who = group.map((finding) => printable(finding.schema)).join(', ');
  return `${paint('red', kind)}: ${message}\n  in ${scope === 'public' ? 'public schema' : count(group.length, 'tenant')}: ${who}\n`;
}
