import type {
  DownFileFinding,
  FileFinding,
  Finding,
  LintFinding,
  PlannedSchema,
  PlanResult,
} from '../results.ts';
import { withoutOwnName } from './alike.ts';
import { errorPicture } from './error.ts';
import type { Paint } from './paint.ts';
import { count, groupBy, placeLine, schemaNames } from './table.ts';
import { unmanagedText, versionText } from './version-text.ts';

/** What `up` would do; schemas with the same pending migrations share a paragraph. */
export function planText(result: PlanResult, paint: Paint): string {
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
  const paragraphs = groups.map((group) => paragraph(group as [PlannedSchema], paint)).join('');
  return [
    placeLine(result),
    paragraphs === '' ? '' : 'scope   schemas  version  pending\n',
    paragraphs,
    unmanagedText(result.schemas),
    tenantsUnknownText(result),
    ...warnings,
    missingText(missing, paint),
  ].join('');
}

/** A lint, or a mistake in a down file, in one line. */
export function lintLine(
  { file, line, column, message }: Pick<FileFinding, 'file' | 'line' | 'column' | 'message'>,
  paint: Paint,
): string {
  return `${paint('yellow', 'warning')}: ${file}:${line}:${column}: ${message}\n`;
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

function paragraph(group: readonly [PlannedSchema, ...PlannedSchema[]], paint: Paint): string {
  const [planned] = group;
  const { scope, migrations, error } = planned;
  const who = schemaNames(group, 5);
  const at = versionText(planned, [error?.code]);
  if (error !== undefined) return `${scope}  ${who}  ${at}\n${errorPicture(error, paint)}`;
  const todo = migrations.length === 0 ? 'up to date' : count(migrations.length, 'migration');
  const files = migrations.map((migration) => `  ${migration.file}\n`).join('');
  return `${scope}  ${who}  ${at}  ${todo}\n${files}`;
}
