import type { FindingKind, SchemaStatus, StatusResult } from '../results.ts';
import { scopesIn } from '../text/scopes-in.ts';
import { withoutOwnName } from './alike.ts';
import { findingsText } from './findings.ts';
import type { Paint } from './paint.ts';
import { tenantsUnknownText } from './plan.ts';
import { inSections } from './sections.ts';
import { count, groupBy, schemaNames, titledTable } from './table.ts';
import { unmanagedText, versionText } from './version-text.ts';

/**
 * The status of the fleet: one line per scope and version, the largest group as a number, the others by name; then one
 * paragraph per finding.
 */
export function statusText(result: StatusResult, paint: Paint): string {
  return inSections(result, (own, facts) => schemasText(own(result.schemas), facts, paint));
}

function schemasText(
  schemas: readonly SchemaStatus[],
  facts: Pick<StatusResult, 'tenantsUnknown'>,
  paint: Paint,
): string {
  const rows = scopesIn(schemas).flatMap((scope) => {
    const ofScope = schemas.filter((schema) => schema.scope === scope);
    const groups = groupBy(ofScope, ({ schema, version, unmanaged, pending, findings }) =>
      JSON.stringify([
        version,
        unmanaged,
        pending,
        findings.map((finding) => withoutOwnName(finding.message, schema)),
      ]),
    ).sort((a, b) => b.length - a.length);
    return groups.map((group, i) => row(group as [SchemaStatus], i === 0 && group.length > 5));
  });
  const findings = schemas.flatMap((schema) => schema.findings);
  return [
    titledTable(['scope', 'version', 'pending', 'findings', 'schemas'], rows),
    unmanagedText(schemas),
    tenantsUnknownText(facts),
    findingsText(findings, paint),
  ].join('');
}

/** A note that findings alone do not change the exit code of `status`; empty without findings. */
export function statusSummary(result: StatusResult, check: boolean): string {
  const n = result.schemas.flatMap(({ findings }) => findings).length;
  return n === 0 || check ? '' : `${count(n, 'finding')}; exit code 0 without --check\n`;
}

function row(group: readonly [SchemaStatus, ...SchemaStatus[]], byNumber: boolean): string[] {
  const [first] = group;
  const { scope, pending, findings } = first;
  const who = byNumber ? count(group.length, 'schema') : schemaNames(group, 10);
  const kinds = [...new Set(findings.map((finding) => finding.kind))];
  const where = versionText(first, kinds);
  return [scope, where, pendingText(where, pending, kinds), kinds.join(', '), who];
}

/** How many migrations are pending, for a table; empty if that is not known or one is incomplete. */
export function pendingText(where: string, pending: number, kinds: readonly FindingKind[]): string {
  if (where === 'unknown') return '';
  if (pending > 0) return `${pending} pending`;
  return kinds.includes('incomplete') || kinds.includes('baseline-incomplete') ? '' : 'up to date';
}
