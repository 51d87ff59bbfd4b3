import { isGone, isNotRehearsed } from '../fleet/outcome.ts';
import type { DownResult, SchemaOutcome, UpResult } from '../results.ts';
import { costsText } from './costs.ts';
import { inSections } from './sections.ts';
import { count, groupBy, names, printable, schemaAndDatabase, schemaNames, titledTable } from './table.ts';
import { versionText } from './version-text.ts';

const words = {
  applied: 'applied',
  'up-to-date': 'up to date',
  failed: 'failed',
  skipped: 'not started',
} as const;

/** The word for a schema of which a rehearsal ran none of the pending files. */
export const notRehearsed = 'not rehearsed';

const titles = ['scope', 'result', 'migrations', 'version', 'time', 'schemas'];

function stateWords(outcome: SchemaOutcome, rehearsed: boolean): string {
  const { state, error } = outcome;
  const created = isOnlyCreated(outcome);
  if (rehearsed && state === 'applied') return created ? 'would create' : 'would apply';
  if (isGone(outcome)) return 'gone';
  const isLeft = error?.code === 'interrupted' || state === 'skipped';
  const done = created ? 'created' : words[state];
  const word = isLeft ? leftWord(outcome) : done;
  return outcome.confirmed === false ? `${word}, not confirmed` : word;
}

/** The answer of `up`: one line per group of schemas with the same outcome. */
export function upTable(result: UpResult): string {
  return (
    inSections(result, (own) => outcomesText(own(result.schemas), result.rehearsed === true)) +
    costsText(result) +
    (result.rehearsed ? 'rehearsal: everything was rolled back\n' : '')
  );
}

function outcomesText(schemas: readonly SchemaOutcome[], rehearsed: boolean): string {
  const groups = groupBy(schemas, ({ scope, state, version, unmanaged, migrations, confirmed, error }) =>
    JSON.stringify([scope, state, version, unmanaged, migrations.length, confirmed, error?.code]),
  );
  const rows = groups.map((group) => {
    const [first] = group as [SchemaOutcome];
    const applied = first.migrations.length === 0 ? '' : count(first.migrations.length, 'migration');
    const who = schemaNames(group, group.length > 4 ? 3 : 4);
    const version = versionText(first, [first.error?.code]);
    const state = stateWords(first, rehearsed);
    const ms = Math.max(
      ...group.map(({ migrations }) => migrations.reduce((sum, m) => sum + m.durationMs, 0)),
    );
    return [first.scope, state, applied, version, rehearsed && applied !== '' ? `up to ${ms} ms` : '', who];
  });
  const none = schemas.some((outcome) => outcome.scope !== 'public') ? '' : 'no tenants to migrate\n';
  return titledTable(titles, rows) + none;
}

/** The answer of `tenant create`. */
export function tenantCreatedText(outcome: SchemaOutcome): string {
  const { schema, state, migrations, error } = outcome;
  const applied = migrations.length === 0 ? 'created' : `${count(migrations.length, 'migration')} applied`;
  const how = state === 'applied' ? applied : state;
  return `${printable(schema)}  ${how}  ${versionText(outcome, [error?.code])}\n`;
}

/** How many schemas and migrations, `N applied, M up to date, K failed`, and the first schemas that failed. */
export function upSummary(result: UpResult): string {
  const failed = failedNames(result);
  const gone = result.schemas.filter(isGone).length;
  const left = groupBy(
    result.schemas.filter((outcome) => outcome.state === 'skipped' && !isGone(outcome)),
    leftWord,
  ).map((group) => `, ${group.length} ${leftWord(group[0] as SchemaOutcome)}`);
  const skipped = `${left.join('')}${gone === 0 ? '' : `, ${gone} gone`}`;
  const who = failed.length === 0 ? '' : `: ${names(failed, 5)}`;
  // Schemas that failed or were interrupted may have unconfirmed migrations as well.
  const open = result.unconfirmed;
  const created = result.schemas.filter(isOnlyCreated).length;
  const sure = result.applied - created - result.schemas.filter(isOpenlyApplied).length;
  const made = created === 0 ? '' : `, ${created} ${result.rehearsed ? 'would be created' : 'created'}`;
  const unsure = open === 0 ? '' : `, ${open} not confirmed`;
  const seconds = (result.durationMs / 1000).toFixed(1);
  const migrations = result.schemas.reduce((sum, outcome) => sum + outcome.migrations.length, 0);
  const size = `${databasesText(result)}${count(result.schemas.length, 'schema')}, ${count(migrations, 'migration')}`;
  return `${size}: ${sure} ${result.rehearsed ? 'would be applied' : 'applied'}, ${result.upToDate} up to date, ${result.failed} failed${made}${unsure}${skipped}${who} (${seconds} s)\n`;
}

/** The names of failed schemas, and of databases in which the run stopped or did not begin. */
export function failedNames({ schemas, databases = [] }: UpResult | DownResult): string[] {
  const several = databases.length > 0;
  const failed = schemas
    .filter(({ state }) => state === 'failed')
    .map((outcome) => (several ? schemaAndDatabase(outcome) : outcome.schema));
  return [
    ...new Set(failed),
    ...databases.filter(({ error }) => error !== undefined).map(({ database }) => `database ${database}`),
  ];
}

/** The number of databases, to precede the number of schemas; empty for one database. */
export function databasesText({ databases }: UpResult | DownResult): string {
  return databases === undefined ? '' : `${count(databases.length, 'database')}, `;
}

/** Why the migrations of a schema are still pending. */
function leftWord(outcome: SchemaOutcome): string {
  const { error, migrations } = outcome;
  if (error?.code === 'interrupted') return 'interrupted';
  if (isNotRehearsed(outcome)) return notRehearsed;
  return migrations.length === 0 ? words.skipped : 'stopped';
}

/** True for a tenant whose schema was created and that has no migrations. */
function isOnlyCreated({ state, migrations }: SchemaOutcome): boolean {
  return state === 'applied' && migrations.length === 0;
}

function isOpenlyApplied({ state, confirmed }: SchemaOutcome): boolean {
  return state === 'applied' && confirmed === false;
}
