import { inRunningOrder } from '../project/order.ts';
import type { ErrorDetails, PlannedSchema, PlanResult, ScopeName } from '../results.ts';
import { scopesIn } from '../text/scopes-in.ts';
import { withoutOwnName } from './alike.ts';
import { databaseFailures, placeOf } from './error.ts';
import { failureItems } from './failures-markdown.ts';
import { codeSpan, comment, linesOfItem, namesPerItem, schemaSpans } from './markdown.ts';
import { type RehearsalDocument, rehearsalItems } from './rehearsal-markdown.ts';
import { count, groupBy } from './table.ts';
import { versionText } from './version-text.ts';

// By this line, a workflow finds the comment that it wrote before.
const marker = '<!-- sqlmig plan -->';

// Files that run in the same schemas have an item each up to this number of them.
const mostFiles = 5;

/**
 * What `up` would do, as a comment on a pull request, with what a rehearsal found if there was one. Equal results have
 * equal texts.
 */
export function planMarkdown(result: PlanResult, rehearsal: RehearsalDocument | null = null): string {
  const { schemas } = result;
  const files = filesOf(schemas);
  const pending = schemas.filter(({ migrations }) => migrations.length > 0);
  const refused = schemas.filter(({ error }) => error !== undefined);
  const broken = databaseFailures(result);
  const warnings = warningItems(result.warnings);
  const facts = [
    files.length === 0
      ? 'nothing to apply'
      : `${count(files.length, 'file')} to apply in ${count(pending.length, 'schema')}`,
    ...(refused.length === 0 ? [] : [`${count(refused.length, 'schema')} refused`]),
    ...(broken.length === 0 ? [] : [`${count(broken.length, 'database')} failed`]),
    ...(warnings.length === 0 ? [] : [count(warnings.length, 'warning')]),
  ];
  const failed = rehearsal === null || rehearsal.ok ? '' : '; the rehearsal failed';
  return comment(headOf(`${facts.join(', ')}${databasesText(result)}${failed}`), [
    { title: 'Errors', items: failureItems([...refused, ...broken]) },
    { title: 'Files to apply', items: fileItems(files) },
    { title: 'Schemas', items: [...schemaItems(schemas), ...unknownItems(result)] },
    { title: 'Warnings', items: warnings },
    { title: 'Rehearsal', items: rehearsal === null ? [] : rehearsalItems(rehearsal) },
  ]);
}

/** The errors that prevent a plan, as a comment in place of it. */
export function noPlanMarkdown(errors: readonly ErrorDetails[]): string {
  const head = headOf(`no plan: ${count(errors.length, 'error')}`);
  return comment(head, [{ title: 'Errors', items: failureItems(errors.map((error) => ({ error }))) }]);
}

function headOf(facts: string): string {
  return `${marker}\n### Database migrations\n\n**${facts}**\n`;
}

function databasesText({ database, databases = [] }: PlanResult): string {
  if (databases.length > 0) return ` in ${count(databases.length, 'database')}`;
  return database === undefined ? '' : ` in database ${codeSpan(database)}`;
}

/** A pending file with the schemas that it is pending in. */
interface PendingFile {
  readonly version: string | null;
  readonly name: string;
  readonly file: string;
  readonly scope: ScopeName;
  /** Equal for files that are pending in the same schemas. */
  readonly where: string;
  readonly schemas: readonly PlannedSchema[];
}

/** Every pending file once, public first, in the order in which they run. */
function filesOf(schemas: readonly PlannedSchema[]): PendingFile[] {
  // Few groups even in a large fleet, so that not every file is looked up in every schema.
  const groups = groupBy(schemas, ({ scope, migrations }) =>
    JSON.stringify([scope, migrations.map(({ file }) => file)]),
  ) as [PlannedSchema, ...PlannedSchema[]][];
  return scopesIn(schemas).flatMap((scope) => {
    const ofScope = groups.filter(([{ scope: own }]) => own === scope);
    const places = ofScope.flatMap((group, i) =>
      group[0].migrations.map((migration) => ({ migration, group, i })),
    );
    const files = groupBy(places, ({ migration }) => migration.file).flatMap((same) =>
      same.slice(0, 1).map(({ migration }) => ({
        ...migration,
        scope,
        where: same.map(({ i }) => i).join(),
        schemas: same.flatMap(({ group }) => group),
      })),
    );
    return inRunningOrder(files);
  });
}

/**
 * One line per file, or one line for many consecutive files in the same schemas, such as the files of a new tenant.
 */
function fileItems(files: readonly PendingFile[]): string[] {
  const runs: [PendingFile, ...PendingFile[]][] = [];
  for (const file of files) {
    const last = runs.at(-1);
    if (last !== undefined && last[0].scope === file.scope && last[0].where === file.where) last.push(file);
    else runs.push([file]);
  }
  return runs.flatMap((run) => {
    const [{ scope, schemas }] = run;
    const where = `in ${whoText(scope, schemas)}: ${schemaSpans(schemas, namesPerItem)}`;
    const spans = run.map(({ file }) => codeSpan(file));
    if (run.length <= mostFiles) return spans.map((span) => `${span} ${where}`);
    return [`${count(run.length, 'file')} from ${spans[0]} to ${spans.at(-1)} ${where}`];
  });
}

/** A line for all schemas of a scope with the same version and number of pending files. */
function schemaItems(schemas: readonly PlannedSchema[]): string[] {
  const planned = schemas.filter(({ error }) => error === undefined);
  return groupBy(planned, ({ scope, version, unmanaged, migrations }) =>
    JSON.stringify([scope, version, unmanaged, migrations.length]),
  ).flatMap((group) =>
    group.slice(0, 1).map((first) => {
      const { scope, unmanaged, migrations } = first;
      const todo = migrations.length === 0 ? 'up to date' : `${count(migrations.length, 'file')} to apply`;
      const why =
        unmanaged === true && migrations.length > 0
          ? ' (tables, but no applied migration: `up` runs every file)'
          : '';
      return `${whoText(scope, group)}, ${versionText(first, [])}, ${todo}${why}: ${schemaSpans(group, namesPerItem)}`;
    }),
  );
}

function unknownItems({ tenantsUnknown, databases = [] }: PlanResult): string[] {
  const all = [{ tenantsUnknown }, ...databases];
  return all.flatMap((part) =>
    part.tenantsUnknown === undefined
      ? []
      : [
          `tenants${'database' in part ? ` of ${codeSpan(part.database)}` : ''}: not known until public is applied: ${codeSpan(part.tenantsUnknown)}`,
        ],
  );
}

/** A paragraph per warning of a file, which several databases share, and per file that is missing. */
function warningItems(warnings: PlanResult['warnings']): string[] {
  const groups = groupBy(warnings, (warning) =>
    JSON.stringify(
      warning.schema === null
        ? [placeOf(warning), warning.rule, warning.message]
        : [warning.kind, warning.scope, withoutOwnName(warning.message, warning.schema)],
    ),
  );
  return groups.flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    if (first.schema === null)
      return [
        linesOfItem([
          `**${codeSpan(first.rule)}** at ${codeSpan(placeOf(first) ?? '')}`,
          codeSpan(first.message),
        ]),
      ];
    const schemas = [first, ...others].flatMap(({ schema, database }) =>
      schema === null ? [] : [{ schema, database }],
    );
    const who = `in ${whoText(first.scope, schemas)}: ${schemaSpans(schemas, namesPerItem)}`;
    return [linesOfItem([`**${codeSpan(first.kind)}** ${who}`, codeSpan(first.message)])];
  });
}

function whoText(scope: ScopeName, schemas: readonly unknown[]): string {
  if (scope === 'public') return count(schemas.length, 'public schema');
  return count(schemas.length, 'tenant') + (scope === 'tenant' ? '' : ` of scope ${codeSpan(scope)}`);
}
