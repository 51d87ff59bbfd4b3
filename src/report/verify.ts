import { isOfKind } from '../project/scope-name.ts';
import type { Finding } from '../results.ts';
import type { VerifiedSchema, VerifyResult } from '../verify-results.ts';
import { placeOf } from './error.ts';
import { findingsText } from './findings.ts';
import type { Paint } from './paint.ts';
import { lintLine, tenantsUnknownText } from './plan.ts';
import { inSections } from './sections.ts';
import { driftText, notReplayedText, structureText } from './structure.ts';
import { count, distinctNames, groupBy, printable, schemaNames } from './table.ts';

const otherKinds: ReadonlySet<string> = new Set(['lint', 'down-file', 'drift', 'not-replayed']);

/** What `verify` found: one line per mistake in a file, one paragraph per finding. */
export function verifyText(result: VerifyResult, paint: Paint): string {
  const { findings, schemas } = result;
  return inSections(result, (own, facts) =>
    sectionText({ ...facts, findings: own(findings), schemas: own(schemas) }, paint),
  );
}

function sectionText(result: Omit<VerifyResult, 'databases'>, paint: Paint): string {
  const lints = result.findings.filter((finding) => finding.kind === 'lint');
  const inDownFiles = result.findings.filter((finding) => finding.kind === 'down-file');
  const drift = result.findings.filter((finding) => finding.kind === 'drift');
  const notReplayed = result.findings.filter((finding) => finding.kind === 'not-replayed');
  const findings = result.findings.filter((finding): finding is Finding => !otherKinds.has(finding.kind));
  return [
    ...lints.map((lint) => lintLine(lint, paint)),
    ...inDownFiles.map(
      (finding) => `${paint('red', finding.kind)}: ${placeOf(finding)}: ${printable(finding.message)}\n`,
    ),
    findingsText(findings, paint),
    driftText(drift, paint),
    notReplayedText(notReplayed, paint),
    tenantsUnknownText(result),
    inDownFiles.length === 0
      ? ''
      : `${count(inDownFiles.length, 'finding')} in .down.sql files, which up never runs\n`,
    findings.length === 0 ? '' : `${foundLine(findings, result.schemas)}\n`,
    result.structure === undefined ? '' : structureText(result.structure, drift.length),
    comparedLine(result, findings.length === 0, paint),
    pendingLines(result.schemas),
  ].join('');
}

function foundLine(findings: readonly Finding[], schemas: readonly VerifiedSchema[]): string {
  return `${count(findings.length, 'finding')} in ${count(distinctNames(findings).length, 'schema')} of ${distinctNames(schemas).length}`;
}

function comparedLine(
  { ok, schemas, tenantsUnknown }: VerifyResult,
  allEqual: boolean,
  paint: Paint,
): string {
  const compared = schemas.reduce((sum, schema) => sum + schema.compared, 0);
  const isClean = ok && tenantsUnknown === undefined && schemas.every(({ pending }) => pending === 0);
  const number = distinctNames(schemas).length;
  const where = count(number, 'schema');
  const what = count(compared, 'applied migration');
  if (isClean)
    return `${paint('green', 'clean')}: ${where} ${number === 1 ? 'matches' : 'match'} the files (${what})\n`;
  return `compared ${what} in ${where} with the files${allEqual ? ': no differences' : ''}\n`;
}

/** Pending migrations, one line per number of them and kind of tenants. */
function pendingLines(schemas: readonly VerifiedSchema[]): string {
  const open = schemas.filter(({ pending }) => pending > 0);
  const kindOf = ({ scope }: VerifiedSchema) => (isOfKind(scope) ? ` of scope ${scope}` : '');
  return groupBy(open, (schema) => JSON.stringify([schema.pending, schema.compared === 0, kindOf(schema)]))
    .map((group) => {
      const [first] = group as [VerifiedSchema];
      const { pending, compared } = first;
      const who = schemaNames(group, 10);
      const where = compared === 0 ? `in ${who}, where nothing is applied` : `in ${who}`;
      return `pending: ${count(pending, 'migration')}${kindOf(first)} ${where}\n`;
    })
    .join('');
}
