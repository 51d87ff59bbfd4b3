import type { ErrorDetails } from '../results.ts';
import { withoutOwnName } from './alike.ts';
import type { Paint } from './paint.ts';
import { groupBy, names, printable } from './table.ts';

/** An error as a picture: what, where, the line with a caret, the state now, one hint. */
export function errorPicture(error: ErrorDetails, paint: Paint): string {
  const { code, message, sqlstate, state, hint } = error;
  const lines = [
    `${paint('red', `error[${code}]`)}: ${printableText(message)}${sqlstate === undefined ? '' : ` (${sqlstate})`}`,
    ...whereLines(error),
    ...sourceLines(error, paint),
    ...(state === undefined ? [] : [`  now:  ${printableText(state)}`]),
    ...(hint === undefined ? [] : [`  hint: ${printableText(hint)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** What went wrong after a command had begun: in a schema, or with the command itself. */
export interface Failure {
  readonly schema?: string;
  readonly error?: ErrorDetails;
}

/** Failures as pictures; schemas with the same error share one. */
export function errorPictures(failed: readonly Failure[], paint: Paint): string {
  const groups = groupBy(failed, ({ schema = '', error }) =>
    JSON.stringify([error?.code, withoutOwnName(error?.message, schema), error?.file, error?.line]),
  );
  return groups
    .map(([first, ...others]) => {
      const picture = first?.error === undefined ? '' : errorPicture(first.error, paint);
      const who = others.flatMap(({ schema }) => schema ?? []);
      return `${picture}${who.length === 0 ? '' : `  also: ${names(who, 20)}\n`}`;
    })
    .join('\n');
}

/** `file:line:col`, as much of it as is known. */
export function placeOf({ file, line, column }: ErrorDetails): string | null {
  if (file === undefined) return null;
  return line === undefined ? file : `${file}:${line}:${column}`;
}

function whereLines(error: ErrorDetails): string[] {
  const { statement, statements, schema, database } = error;
  const parts = [
    placeOf(error),
    statement === undefined ? null : `statement ${statement} of ${statements}`,
    schema === undefined ? null : `${printable(schema)}${database === undefined ? '' : `@${database}`}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? [] : [`  at ${parts.join(' · ')}`];
}

function sourceLines({ line, lineText, caret }: ErrorDetails, paint: Paint): string[] {
  if (line === undefined || lineText === undefined || caret === undefined) return [];
  const gutter = ' '.repeat(String(line).length);
  // Tabs stay tabs before the caret, so that it stands under its character whatever a tab's width.
  const indent = [...lineText].slice(0, caret - 1).map((char) => (char === '\t' ? '\t' : ' '));
  return [
    paint('dim', `  ${gutter} |`),
    `${paint('dim', `  ${line} |`)} ${lineText}`,
    `${paint('dim', `  ${gutter} |`)} ${indent.join('')}${paint('red', '^')}`,
  ];
}

function printableText(text: string): string {
  return text.split('\n').map(printable).join('\n    ');
}
