import { fewAndMore } from '../text/few.ts';

/** Rows as aligned text: two spaces between columns, no trailing blanks, one line per row. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, [...cell].length);
  }
  return rows
    .map((row) => row.map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - [...cell].length)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** A table of which each line is indented. */
export function indentedTable(rows: readonly (readonly string[])[]): string {
  return table(rows).replace(/^(?=.)/gm, '  ');
}

/** A table under its titles, without the columns that are empty in every row; no rows are no table. */
export function titledTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const isUsed = titles.map((_, i) => rows.some((row) => (row[i] ?? '') !== ''));
  return table([titles, ...rows].map((row) => row.filter((_, i) => isUsed[i])));
}

/** A list of names: all if there are up to `most`, else the first ones and the number of others. */
export function names(list: readonly string[], most: number): string {
  return fewAndMore(list.map(printable), most);
}

/** A schema of a result, with its database if the result names it. */
export interface NamedSchema {
  readonly schema: string;
  readonly database?: string | undefined;
}

/** The names of schemas, as `names` lists them. */
export function schemaNames(schemas: readonly NamedSchema[], most: number): string {
  return names(distinctNames(schemas), most);
}

/** The names of schemas, with their databases if these differ. A tenant of several scopes is named once. */
export function distinctNames(schemas: readonly NamedSchema[]): string[] {
  const several = new Set(schemas.map(({ database }) => database)).size > 1;
  return [...new Set(schemas.map((schema) => (several ? schemaAndDatabase(schema) : schema.schema)))];
}

/** `schema@database`, or `schema` without a database. */
export function schemaAndDatabase({ schema, database }: NamedSchema): string {
  return database === undefined ? schema : `${schema}@${database}`;
}

/** A number with its noun. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** A text in which control characters, and those that change the direction of text, are escaped. */
export function printable(name: string): string {
  return name.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** The database of a command, in one line. */
export function placeLine({ database, host }: { readonly database: string; readonly host: string }): string {
  return `database ${printable(database)} on ${printable(host)}\n`;
}

/** A title with lines under it. */
export function paragraph(title: string, lines: readonly string[]): string {
  return `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** Items grouped by a key, in the order in which keys first appear. */
export function groupBy<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return [...groups.values()];
}
