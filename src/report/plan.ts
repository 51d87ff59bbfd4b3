import type {
  DownFileFinding,
  FileFinding,
  Finding,
  LintFinding,
  PlannedSchema,
  PlanResult,
} from '../results.ts';
import { withoutOwnName } from './alike.ts';
import { errorPicture, placeOf } from './error.ts';
import type { Paint } from './paint.ts';
import { inSections } from './sections.ts';
import { count, groupBy, printable, schemaNames, titledTable } from './table.ts';
import { unmanagedText, versionText } from './version-text.ts';

/** What `up` would do; schemas with the same pending migrations share a paragraph. */
export function planText(result: PlanResult, paint: Paint): string {
  return inSections(result, (own, facts) =>
    sectionText({ ...facts, schemas: own(result.schemas), warnings: own(result.warnings) }, paint),
  );
}

function sectionText(
  result: Pick<PlanResult, 'schemas' | 'warnings' | 'tenantsUnknown'>,
  paint: Paint,
): string {
  const groups = groupBy(result.schemas, ({ schema, scope, version, unmanaged, migrations, error }) =>
    JSON.stringify([
      scope,
      version,
      unmanaged,
      migrations.map((m) => m.file),
      error?.code,
      withoutOwnName(error?.message, schema),
    ]),
  );
  const missing = result.warnings.filter((warning): warning is Finding => warning.kind === 'file-missing');
  const warnings = result.warnings
    .filter((warning): warning is LintFinding | DownFileFinding => warning.schema === null)
    .map((warning) => lintLine(warning, paint));
  return [
    schemasText(groups as [PlannedSchema][], paint),
    unmanagedText(result.schemas),
    tenantsUnknownText(result),
    ...warnings,
    missingText(missing, paint),
  ].join('');
}

/** A lint, or a mistake in a down file, in one line with its rule. */
export function lintLine(
  finding: Pick<FileFinding, 'file' | 'line' | 'column' | 'message' | 'rule'>,
  paint: Paint,
): string {
  return `${paint('yellow', 'warning')}: ${placeOf(finding)}: ${printable(finding.message)} [${finding.rule}]\n`;
}

/** Applied migrations whose files are missing, one line each. */
function missingText(missing: readonly Finding[], paint: Paint): string {
  return groupBy(missing, ({ scope, message }) => JSON.stringify([scope, message]))
    .map(
      (group) =>
        `${paint('yellow', 'warning')}: ${group[0]?.message}; up continues without it: ${schemaNames(group, 5)}\n`,
    )
    .join('');
}

/** Why a report has no tenants yet; empty if it has them. */
export function tenantsUnknownText({ tenantsUnknown }: Pick<PlanResult, 'tenantsUnknown'>): string {
  return tenantsUnknown === undefined
    ? ''
    : `tenants: not known until public is applied (${tenantsUnknown})\n`;
}

type Group = readonly [PlannedSchema, ...PlannedSchema[]];

/** A table with one row per group, and under each row its files or its error. */
function schemasText(groups: readonly Group[], paint: Paint): string {
  const table = titledTable(['scope', 'schemas', 'version', 'pending'], groups.map(rowOf));
  const [titles = '', ...lines] = table.split(/(?<=\n)/);
  return titles + groups.map((group, i) => (lines[i] ?? '') + detailsOf(group, paint)).join('');
}

function rowOf(group: Group): string[] {
  const [planned] = group;
  const { scope, migrations, error } = planned;
  const todo = migrations.length === 0 ? 'up to date' : count(migrations.length, 'migration');
  return [scope, schemaNames(group, 5), versionText(planned, [error?.code]), error === undefined ? todo : ''];
}

function detailsOf([{ migrations, error }]: Group, paint: Paint): string {
  if (error !== undefined) return errorPicture(error, paint);
  return migrations.map((migration) => `  ${printable(migration.file)}\n`).join('');
}
