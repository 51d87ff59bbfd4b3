import { refusalOf, sqlOf, tenantMark } from './filling.ts';
import type { Lint, Migration, NamedPlaceholder, Placeholder } from './migration.ts';
import type { Mistake } from './mistake.ts';
import { type ParsedStatement, parseStatements, scannedTokens } from './parse.ts';
import { type Composite, placeholdersOf, tenantPlaceholder } from './placeholders.ts';

/** A text that the parser can read instead of one with placeholders; all positions are the same. */
export interface Readable {
  readonly text: string;
  readonly placeholders: readonly Placeholder[];
  readonly unset: readonly NamedPlaceholder[];
  readonly mistakes: readonly Mistake[];
  readonly lints: readonly Lint[];
}

/** The text of a migration with stand-ins for the placeholders that have values. */
export function withStandIns(text: string, { vars, scope }: Migration): Readable {
  const nothing: Readable = { text, placeholders: [], unset: [], mistakes: [], lints: [] };
  if (vars === undefined) return nothing;
  const { composites, inStrings, mistakes } = placeholdersOf(text);
  const isKnown = ({ name }: NamedPlaceholder) => vars.has(name) || name === tenantPlaceholder;
  const lints = inStrings.filter(isKnown).map(notFilled);
  if (mistakes.length > 0) return { ...nothing, mistakes };
  const named = composites.flatMap(({ parts }) => parts.filter((part) => typeof part !== 'string'));
  const saidBy = ({ name }: NamedPlaceholder) =>
    name === tenantPlaceholder ? tenantMark : (vars.get(name) ?? `{{${name}}}`);
  const markOf = marks(text);
  const placeholders = composites.map((composite): Placeholder => {
    const { form, start, end, parts } = composite;
    const says = parts.map((part) => (typeof part === 'string' ? part : saidBy(part))).join('');
    const isReady = parts.every((part) => typeof part === 'string' || vars.has(part.name));
    return {
      form,
      start,
      end,
      written: text.slice(start, end),
      says,
      mark: markOf(says),
      sql: isReady ? sqlOf(form, says) : null,
    };
  });
  const inPublic = scope === 'public' ? named.filter(({ name }) => name === tenantPlaceholder) : [];
  return {
    text: replaced(text, placeholders),
    placeholders,
    unset: named.filter((name) => !isKnown(name)),
    mistakes: [...inPublic.map(onlyTenants), ...placeholders.flatMap(refused)],
    lints,
  };
}

/** Private-use characters that a text does not contain: one for each different value of placeholders. */
function marks(text: string): (says: string) => string {
  const used = new Map<string, string>();
  let next = 0xe000;
  return (says) => {
    const known = used.get(says);
    if (known !== undefined) return known;
    while (text.includes(String.fromCharCode(next))) next++;
    if (next > 0xf8ff) throw new RangeError('a file has too many different placeholders');
    const mark = String.fromCharCode(next++);
    used.set(says, mark);
    return mark;
  };
}

function replaced(text: string, placeholders: readonly Placeholder[]): string {
  const parts: string[] = [];
  let done = 0;
  for (const { start, end, form, mark } of placeholders) {
    parts.push(text.slice(done, start), standIn(form, mark).padStart(end - start));
    done = end;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(done);
}

/** A token of the kind that will be sent; it is shorter than any placeholder. */
function standIn(form: Composite['form'], mark: string): string {
  return form === 'literal' ? `E'${mark}'` : `"${mark}"`;
}

/**
 * Parses a text with stand-ins. The nodes that the parser returns contain the values of the placeholders. Returns the
 * first syntax error, with its text as in the file.
 */
export async function parseWithStandIns({
  text,
  placeholders,
}: Pick<Readable, 'text' | 'placeholders'>): ReturnType<typeof parseStatements> {
  const parsed = await parseStatements(text);
  if (placeholders.length === 0) return parsed;
  if ('problem' in parsed) {
    const { index, message } = parsed.problem;
    const around = placeholders.find(({ start, end }) => start <= index && index < end);
    return { problem: { index: around?.start ?? index, message: asWritten(message, placeholders) } };
  }
  const says = new Map(placeholders.map((placeholder) => [placeholder.mark, placeholder.says]));
  const pattern = new RegExp(`[${[...says.keys()].join('')}]`, 'g');
  const fill = (name: string) => name.replace(pattern, (mark) => says.get(mark) ?? mark);
  const statements = parsed.statements.map((statement) => {
    const hasNone = text.slice(statement.start, statement.end).search(pattern) === -1;
    return hasNone ? statement : { ...statement, fields: filled(statement.fields, fill) };
  });
  return { ...parsed, statements: statements as ParsedStatement[] };
}

/** Errors for stand-ins, in a text that parses, that PostgreSQL does not scan as names or strings. */
export async function misreadStandIns({
  text,
  placeholders,
}: Pick<Readable, 'text' | 'placeholders'>): Promise<Mistake[]> {
  if (placeholders.length === 0) return [];
  const ends = new Map((await scannedTokens(text)).map((token) => [token.end, token.text]));
  return placeholders
    .filter(({ form, mark, end }) => ends.get(end) !== standIn(form, mark))
    .map(({ start, written }) => {
      const message = `${written} cannot be filled in here, since it touches another string`;
      return [start, 'bad-placeholder', message, 'put an operator such as || between them'];
    });
}

function filled(node: unknown, fill: (text: string) => string): unknown {
  if (typeof node === 'string') return fill(node);
  if (Array.isArray(node)) return node.map((item) => filled(item, fill));
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, filled(value, fill)]));
}

/** A message of the parser with placeholders instead of stand-ins. */
function asWritten(message: string, placeholders: readonly Placeholder[]): string {
  let result = message;
  for (const { form, mark, written } of placeholders)
    result = result.replaceAll(standIn(form, mark), () => written).replaceAll(mark, () => written);
  return result;
}

function notFilled({ name, index }: NamedPlaceholder): Lint {
  const message = `{{${name}}} in a string is not filled in; write {{'${name}'}} outside of quotes for its value`;
  return { rule: 'placeholder-in-string', index, message };
}

function onlyTenants({ index }: NamedPlaceholder): Mistake {
  const message = '{{tenant}} is the name of a tenant, and a public file runs for none';
  return [index, 'bad-placeholder', message, 'move the statement into a tenant file, or write the name'];
}

function refused({ form, start, says, sql, written }: Placeholder): Mistake[] {
  const refusal = sql === null ? null : refusalOf(form, says);
  if (refusal === null) return [];
  const hint = 'change the value in the config or the environment';
  return [[start, 'bad-placeholder', `${written} ${refusal}`, hint]];
}
