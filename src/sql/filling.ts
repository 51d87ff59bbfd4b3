import { SqlmigError } from '../errors.ts';
import type { Placeholder, Reach, Script, Statement } from './migration.ts';
import { locate } from './position.ts';
import { quoteIdentifier } from './quote.ts';
import type { Range } from './ranges.ts';

/** Stands for the tenant's name in the values of a script. Neither files nor names can contain this character. */
export const tenantMark = '\0';

// NAMEDATALEN - 1: PostgreSQL truncates a longer name, and two tenants could get the same one.
const longestName = 63;

/** A text with `tenantMark` replaced by the name of a tenant. */
export function forTenantName(says: string, schema: string): string {
  return says.replaceAll(tenantMark, () => schema);
}

/** A text with `tenantMark` as the file has it. */
export function withTenantPlaceholder(says: string): string {
  return forTenantName(says, '{{tenant}}');
}

/** Why a placeholder cannot have this value, in words; `null` if it can. */
export function refusalOf(form: Placeholder['form'], says: string): string | null {
  if (form === 'literal') return null;
  const bytes = Buffer.byteLength(says);
  if (bytes === 0) return 'is an empty name';
  return bytes > longestName ? `is a name of ${bytes} bytes, and PostgreSQL allows ${longestName}` : null;
}

/** The SQL of a placeholder. Blanks separate it from adjacent text, such as another quote. */
export function sqlOf(form: Placeholder['form'], says: string): string {
  if (form === 'quoted-name') return quoteIdentifier(says);
  if (form === 'name') return ` ${quoteIdentifier(says)} `;
  // In this form, it never continues a string constant on the previous line.
  return ` E'${says.replaceAll('\\', '\\\\').replaceAll("'", "''")}' `;
}

/**
 * The script for one tenant. The names that it can reach then contain the tenant's name.
 * @throws SqlmigError `bad-placeholder` if a name is too long for PostgreSQL.
 */
export function scriptForTenant(script: Script, schema: string): Script {
  const isOpen = ({ says, sql }: Placeholder) => sql === null && says.includes(tenantMark);
  const open = script.placeholders.filter(isOpen);
  if (open.length === 0) return script;
  const named = (text: string) => forTenantName(text, schema);
  const concerned = statementsWith(script.statements, open);
  const { sharedRows } = script;
  return {
    ...script,
    placeholders: script.placeholders.map((placeholder) => {
      if (!isOpen(placeholder)) return placeholder;
      const says = named(placeholder.says);
      const refusal = refusalOf(placeholder.form, says);
      if (refusal !== null) throw badName(script, placeholder, { schema, refusal });
      return { ...placeholder, says, sql: sqlOf(placeholder.form, says) };
    }),
    statements: script.statements.map((statement) =>
      concerned.has(statement) ? { ...statement, reach: reachFor(statement.reach, named) } : statement,
    ),
    sharedRows: { ...sharedRows, names: new Set([...sharedRows.names].map(named)) },
  };
}

function statementsWith(statements: readonly Statement[], ranges: readonly Range[]): ReadonlySet<Statement> {
  const found = new Set<Statement>();
  let next = 0;
  for (const statement of statements) {
    while ((ranges[next]?.start ?? statement.start) < statement.start) next++;
    if ((ranges[next]?.start ?? statement.end) < statement.end) found.add(statement);
  }
  return found;
}

function reachFor(reach: Reach, named: (text: string) => string): Reach {
  return {
    ...reach,
    names: new Set([...reach.names].map(named)),
    words: new Set([...reach.words].map(named)),
    targets: reach.targets.map(({ schema, name }) => ({
      schema: schema === null ? null : named(schema),
      name: named(name),
    })),
  };
}

function badName(
  { migration: { file, text } }: Script,
  { start, written }: Placeholder,
  { schema, refusal }: { readonly schema: string; readonly refusal: string },
): SqlmigError {
  return new SqlmigError('bad-placeholder', `${written} ${refusal}`, {
    location: locate(file, text, start),
    schema,
    state: 'not touched',
    hint: 'give the tenant a shorter name, or shorten the text around the placeholder in a file that no schema has applied',
  });
}

/** The SQL to send for a script or a range of it: its text with the values of placeholders. */
export function sentText(
  script: Script,
  { start, end }: Range = { start: 0, end: script.text.length },
): string {
  const { text } = script;
  const parts: string[] = [];
  let done = start;
  for (const placeholder of kept(script, start)) {
    if (placeholder.start >= end) break;
    parts.push(text.slice(done, placeholder.start), placeholder.sql);
    done = placeholder.end;
  }
  return parts.join('') + text.slice(done, end);
}

/**
 * Converts a UTF-16 index in the sent SQL, which starts at `from` in the file, to an index in the file. An index
 * within a value becomes the index of its placeholder.
 */
export function fileIndex(script: Script, index: number, from = 0): number {
  let sent = index;
  let at = from;
  for (const { start, end, sql } of kept(script, from)) {
    if (sent < start - at) break;
    sent -= start - at;
    if (sent < sql.length) return start;
    sent -= sql.length;
    at = end;
  }
  return at + sent;
}

/** The placeholders from an index on, except those in text that was taken out. */
function* kept(
  { text, placeholders, unset }: Script,
  from: number,
): Generator<Placeholder & { readonly sql: string }> {
  if (unset.length > 0) throw new RangeError('a placeholder has no value');
  for (const placeholder of placeholders) {
    const { start, end, sql } = placeholder;
    if (start < from || text.slice(start, end).trim() === '') continue;
    if (sql === null) throw new RangeError('a placeholder has no value yet');
    yield { ...placeholder, sql };
  }
}
