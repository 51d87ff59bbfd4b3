import type { DownResult, ErrorDetails, ResultPlace, UpResult } from '../results.ts';
import { withoutOwnName } from './alike.ts';
import type { Paint } from './paint.ts';
import { distinctNames, groupBy, type NamedSchema, names, printable, schemaAndDatabase } from './table.ts';

/** An error for people: what, where, the source line with a caret, the state now, one hint. */
export function errorPicture(error: ErrorDetails, paint: Paint): string {
  const { code, message, sqlstate, state, hint } = error;
  const lines = [
    `${paint('red', `error[${code}]`)}: ${printableText(message)}${sqlstate === undefined ? '' : ` (${sqlstate})`}`,
    ...whereLines(error),
    ...sourceLines(error, paint),
    ...(state === undefined ? [] : [`  now:  ${printable(state)}`]),
    ...(hint === undefined ? [] : [`  hint: ${printableText(hint)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** A failure after a command had started: of a schema, or of the command itself. */
export interface Failure {
  readonly schema?: string;
  readonly error?: ErrorDetails;
}

/** The failures of schemas in a run, and the error that stopped it. */
export function runFailures(result: UpResult | DownResult): Failure[] {
  const { schemas, error } = result;
  const stops = ['stopped', 'tenants-failed'];
  const failed = schemas.filter(
    ({ state, error }) => state === 'failed' || stops.includes(error?.code ?? ''),
  );
  return [...failed, ...(error === undefined ? [] : [{ error }]), ...databaseFailures(result)];
}

/** The errors of databases in which a command could not work. */
export function databaseFailures({ databases = [] }: Pick<ResultPlace, 'databases'>): Failure[] {
  return databases.flatMap(({ error }) => (error === undefined ? [] : [{ error }]));
}

/** A key that is equal for the same failure in different schemas. */
export function failureKey({ schema = '', error }: Failure): string {
  return JSON.stringify([error?.code, withoutOwnName(error?.message, schema), error?.file, error?.line]);
}

/** The same failure of some schemas. */
interface SharedFailure {
  /** Of the first schema. */
  readonly error: ErrorDetails | undefined;
  /** Empty if the failure belongs to no schema. */
  readonly schemas: readonly NamedSchema[];
}

/** Failures, each with all schemas that have it. */
export function failuresAlike(failed: readonly Failure[]): SharedFailure[] {
  return groupBy(failed, failureKey).map((group) => ({
    error: group[0]?.error,
    schemas: group.flatMap(({ schema, error }) =>
      schema === undefined ? [] : [{ schema, database: error?.database }],
    ),
  }));
}

/** Failures as pictures; schemas with the same error share one. */
export function errorPictures(failed: readonly Failure[], paint: Paint): string {
  return failuresAlike(failed)
    .map(({ error, schemas }) => {
      const picture = error === undefined ? '' : errorPicture(error, paint);
      const [, ...others] = distinctNames(schemas);
      return `${picture}${others.length === 0 ? '' : `  also: ${names(others, 20)}\n`}`;
    })
    .join('\n');
}

/** `file:line:col`, or as much of it as is known; `null` without a file. */
export function placeOf({ file, line, column }: Partial<SourcePlace>): string | null {
  if (file === undefined) return null;
  return [printable(file), line, column].filter((part) => part !== undefined).join(':');
}

/** A place in a file. */
interface SourcePlace {
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;
}

function whereLines(error: ErrorDetails): string[] {
  const { statement, statements, schema, database } = error;
  const inDatabase = database === undefined ? null : `database ${printable(database)}`;
  const parts = [
    placeOf(error),
    statement === undefined ? null : `statement ${statement} of ${statements}`,
    schema === undefined ? inDatabase : printable(schemaAndDatabase({ schema, database })),
  ].filter((part) => part !== null);
  return parts.length === 0 ? [] : [`  at ${parts.join(' · ')}`];
}

function sourceLines({ line, lineText, caret }: ErrorDetails, paint: Paint): string[] {
  if (line === undefined || lineText === undefined || caret === undefined) return [];
  const gutter = ' '.repeat(String(line).length);
  // Tabs before the caret stay tabs, so that it is below its character whatever the tab width.
  const indent = [...lineText].slice(0, caret - 1).map((char) => (char === '\t' ? '\t' : ' '));
  // Each character is replaced with one character, so that the caret stays below its character.
  const shown = lineText.replace(/(?!\t)[\p{Cc}\p{Bidi_Control}]/gu, '\ufffd');
  return [
    paint('dim', `  ${gutter} |`),
    `${paint('dim', `  ${line} |`)} ${shown}`,
    `${paint('dim', `  ${gutter} |`)} ${indent.join('')}${paint('red', '^')}`,
  ];
}

/** Of a text that may have several lines, such as the server's. */
function printableText(text: string): string {
  return text.split('\n').map(printable).join('\n    ');
}
