import { isNotRehearsed } from '../fleet/outcome.ts';
import type { DownPlan, DownResult, PlannedSchema, UndoneSchema } from '../results.ts';
import { withoutOwnName } from './alike.ts';
import { costsText } from './costs.ts';
import { errorPicture } from './error.ts';
import type { Paint } from './paint.ts';
import { inSections } from './sections.ts';
import { count, groupBy, names, schemaNames, titledTable } from './table.ts';
import { databasesText, failedNames, notRehearsed } from './up.ts';
import { versionText } from './version-text.ts';

/** What `down` would undo, in that order; schemas with the same plan share a paragraph. */
export function downPlanText(plan: DownPlan, paint: Paint): string {
  return inSections(plan, (own) => paragraphs(own(plan.schemas), paint));
}

function paragraphs(schemas: readonly PlannedSchema[], paint: Paint): string {
  const groups = groupBy(schemas, ({ schema, scope, version, migrations, error }) =>
    JSON.stringify([
      scope,
      version,
      migrations.map(({ file }) => file),
      error?.code,
      withoutOwnName(error?.message, schema),
    ]),
  );
  return groups.map((group) => planned(group as [PlannedSchema], paint)).join('');
}

function planned(group: readonly [PlannedSchema, ...PlannedSchema[]], paint: Paint): string {
  const [first] = group;
  const { scope, migrations, error } = first;
  const who = `${scope}  ${schemaNames(group, 5)}  ${versionText(first, [error?.code])}`;
  if (error !== undefined) return `${who}\n${errorPicture(error, paint)}`;
  if (migrations.length === 0) return `${who}  nothing to undo\n`;
  const files = migrations.map(({ file }) => `  ${file}\n`).join('');
  return `${who}  ${count(migrations.length, 'migration')} to undo\n${files}`;
}

/** The question that `down` asks, with the plan. */
export function downQuestion(plan: DownPlan, paint: Paint): string {
  const schemas = plan.schemas.filter(({ migrations }) => migrations.length > 0);
  const migrations = schemas.reduce((sum, schema) => sum + schema.migrations.length, 0);
  const what = `${count(migrations, 'migration')} in ${count(schemas.length, 'schema')}`;
  const all = plan.databases === undefined ? paragraphs(plan.schemas, paint) : downPlanText(plan, paint);
  return `${all}Undo ${what}? This may delete data.`;
}

const words = {
  undone: ['undone', 'would undo'],
  unchanged: ['nothing to undo', 'nothing to undo'],
  failed: ['failed', 'failed'],
  skipped: ['not started', 'not started'],
} as const;

/** The answer of `down`: one line per group of schemas with the same outcome. */
export function downTable(result: DownResult): string {
  const { declined, rehearsed = false } = result;
  if (declined) return 'nothing was undone\n';
  return (
    inSections(result, (own) => undoneText(own(result.schemas), rehearsed)) +
    costsText(result) +
    (rehearsed ? 'rehearsal: everything was rolled back\n' : '')
  );
}

function undoneText(schemas: readonly UndoneSchema[], rehearsed: boolean): string {
  const groups = groupBy(schemas, ({ scope, state, version, migrations, confirmed, error }) =>
    JSON.stringify([scope, state, version, migrations.length, confirmed, error?.code]),
  );
  const rows = groups.map((group) => {
    const [first] = group as [UndoneSchema];
    const { scope, migrations, confirmed, error } = first;
    const done = migrations.length === 0 ? '' : count(migrations.length, 'migration');
    const word = error?.code === 'interrupted' ? 'interrupted' : wordOf(first, rehearsed);
    const result = confirmed === false ? `${word}, not confirmed` : word;
    return [
      scope,
      result,
      done,
      versionText(first, [error?.code]),
      schemaNames(group, group.length > 4 ? 3 : 4),
    ];
  });
  return titledTable(['scope', 'result', 'migrations', 'version', 'schemas'], rows);
}

function wordOf(outcome: UndoneSchema, rehearsed: boolean): string {
  return isNotRehearsed(outcome) ? notRehearsed : words[outcome.state][rehearsed ? 1 : 0];
}

/** How many schemas and migrations, and the first schemas that failed. */
export function downSummary(result: DownResult): string {
  if (result.declined) return '';
  const { schemas, rehearsed, undone, unchanged, failed, skipped, unconfirmed } = result;
  const migrations = schemas.reduce((sum, outcome) => sum + outcome.migrations.length, 0);
  const who = failedNames(result);
  const left = schemas.filter(isNotRehearsed).length;
  const parts = [
    `${undone} ${rehearsed ? 'would be undone' : 'undone'}`,
    `${unchanged} unchanged`,
    `${failed} failed`,
    ...(unconfirmed === 0 ? [] : [`${unconfirmed} not confirmed`]),
    ...(skipped - left === 0 ? [] : [`${skipped - left} not started`]),
    ...(left === 0 ? [] : [`${left} ${notRehearsed}`]),
  ];
  const seconds = (result.durationMs / 1000).toFixed(1);
  const size = `${databasesText(result)}${count(schemas.length, 'schema')}, ${count(migrations, 'migration')}`;
  return `${size}: ${parts.join(', ')}${who.length === 0 ? '' : `: ${names(who, 5)}`} (${seconds} s)\n`;
}
