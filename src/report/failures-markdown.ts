import { type Failure, failuresAlike, placeOf } from './error.ts';
import { codeSpan, linesOfItem, namesPerItem, schemaSpans } from './markdown.ts';
import { count } from './table.ts';

/** Items of a list of errors, one for all schemas with the same error. */
export function failureItems(failures: readonly Failure[]): string[] {
  return failuresAlike(failures).flatMap(({ error, schemas }) => {
    if (error === undefined) return [];
    const { code, message, sqlstate, hint, database } = error;
    const place = placeOf(error);
    const where = [
      ...(place === null ? [] : [`at ${codeSpan(place)}`]),
      ...(schemas.length > 0
        ? [`in ${count(schemas.length, 'schema')}: ${schemaSpans(schemas, namesPerItem)}`]
        : []),
      ...(schemas.length === 0 && database !== undefined ? [`in database ${codeSpan(database)}`] : []),
    ];
    const lines = [
      [`**${codeSpan(code)}**`, ...where].join(' '),
      codeSpan(message + (sqlstate === undefined ? '' : ` (${sqlstate})`)),
      ...(hint === undefined ? [] : [`hint: ${codeSpan(hint)}`]),
    ];
    return [linesOfItem(lines)];
  });
}
