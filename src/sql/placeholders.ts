import { identifierCharacter, type Lexeme, lexemesOf } from './comments.ts';
import type { NamedPlaceholder, Placeholder } from './migration.ts';
import type { Mistake } from './mistake.ts';
import type { Range } from './ranges.ts';

/** The placeholder that is filled in with the name of the tenant's schema. */
export const tenantPlaceholder = 'tenant';

/** A name or a string constant made of placeholders and the text around them. */
export interface Composite extends Range {
  readonly form: Placeholder['form'];
  /** Text is as PostgreSQL reads it: in lower case unless it is quoted. */
  readonly parts: readonly (string | NamedPlaceholder)[];
}

/** The placeholders of a text. */
interface FoundPlaceholders {
  readonly composites: readonly Composite[];
  /** Those in string constants and dollar-quoted bodies, which are not filled in. */
  readonly inStrings: readonly NamedPlaceholder[];
  readonly mistakes: readonly Mistake[];
}

const word = '[A-Za-z_][A-Za-z0-9_]*';
const plain = new RegExp(String.raw`\{\{[ \t]*(${word})[ \t]*\}\}`, 'y');
const literal = new RegExp(String.raw`\{\{[ \t]*'(${word})'[ \t]*\}\}`, 'y');
const anywhere = new RegExp(plain.source, 'g');

/**
 * Finds placeholders, in one pass. `{{name}}` is part of the name that it touches, plain or in double quotes, and
 * `{{'name'}}` is a string constant. In a comment, neither is a placeholder.
 */
export function placeholdersOf(text: string): FoundPlaceholders {
  const composites: Composite[] = [];
  const inStrings: NamedPlaceholder[] = [];
  const mistakes: Mistake[] = [];
  if (!text.includes('{{')) return { composites, inStrings, mistakes };
  let from = 0;
  const bare = (end: number) => {
    for (
      let index = text.indexOf('{{', from);
      index !== -1 && index < end;
      index = text.indexOf('{{', from)
    ) {
      const found = literalAt(text, index) ?? nameAround(text, index, { start: from, end });
      if (found === null) mistakes.push(malformed(text, index));
      else composites.push(found);
      from = found?.end ?? index + 2;
    }
  };
  for (const lexeme of joinedLexemes(text)) {
    bare(lexeme.start);
    // It belongs to the previous literal.
    if (lexeme.start < from) continue;
    from = lexeme.end;
    if (lexeme.kind !== 'quote') continue;
    const parts = partsIn(text, lexeme);
    if (parts.length === 0) continue;
    if (text[lexeme.start] !== '"') inStrings.push(...parts.filter((part) => typeof part !== 'string'));
    else if (hasUnicodeEscapes(text, lexeme.start)) mistakes.push(inEscapes(lexeme.start));
    else composites.push({ ...lexeme, form: 'quoted-name', parts });
  }
  bare(text.length);
  return { composites, inStrings, mistakes };
}

/** The lexemes of a text. The pieces of a quoted name or a string with doubled quotes are joined. */
export function* joinedLexemes(text: string): Generator<Lexeme> {
  let last: Lexeme | undefined;
  for (const lexeme of lexemesOf(text)) {
    const quote = text[lexeme.start];
    if (last?.end === lexeme.start && text[last.start] === quote && (quote === '"' || quote === "'")) {
      last = { kind: last.kind, start: last.start, end: lexeme.end, closed: lexeme.closed };
      continue;
    }
    if (last !== undefined) yield last;
    last = lexeme;
  }
  if (last !== undefined) yield last;
}

function literalAt(text: string, index: number): Composite | null {
  literal.lastIndex = index;
  const [all, name] = literal.exec(text) ?? [];
  if (all === undefined || name === undefined) return null;
  return {
    form: 'literal',
    start: index,
    end: index + all.length,
    parts: [{ name: name.toLowerCase(), index }],
  };
}

/** The name that contains a placeholder, within a range. */
function nameAround(text: string, index: number, within: Range): Composite | null {
  let start = index;
  while (start > within.start && identifierCharacter.test(text[start - 1] ?? '')) start--;
  const parts: (string | NamedPlaceholder)[] = [];
  const add = (to: number) => {
    // In a UTF8 database, PostgreSQL folds only these.
    const folded = text.slice(at, to).replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    if (folded !== '') parts.push(folded);
    at = to;
  };
  let at = start;
  let next = index;
  for (;;) {
    plain.lastIndex = next;
    const [all, name] = plain.exec(text) ?? [];
    if (all === undefined || name === undefined) break;
    add(next);
    parts.push({ name: name.toLowerCase(), index: next });
    at = next + all.length;
    next = at;
    while (next < within.end && identifierCharacter.test(text[next] ?? '')) next++;
  }
  if (next === index) return null;
  add(next);
  return { form: 'name', start, end: next, parts };
}

/** The quoted text, divided at its placeholders; empty if there are none. */
function partsIn(text: string, { start, end }: Range): (string | NamedPlaceholder)[] {
  const inside = text.slice(start + 1, end - 1);
  const found = [...inside.matchAll(anywhere)];
  if (found.length === 0) return [];
  const parts: (string | NamedPlaceholder)[] = [];
  let at = 0;
  const add = (to: number) => {
    if (to > at) parts.push(inside.slice(at, to).replaceAll('""', '"'));
  };
  for (const { 0: all, 1: name = '', index } of found) {
    add(index);
    parts.push({ name: name.toLowerCase(), index: start + 1 + index });
    at = index + all.length;
  }
  add(inside.length);
  return parts;
}

function hasUnicodeEscapes(text: string, quote: number): boolean {
  return /u&/i.test(text.slice(quote - 2, quote)) && !identifierCharacter.test(text[quote - 3] ?? '');
}

function inEscapes(index: number): Mistake {
  const message = 'a name with Unicode escapes cannot have a placeholder';
  return [index, 'bad-placeholder', message, 'write the name without U&'];
}

function malformed(text: string, index: number): Mistake {
  const [line = ''] = text.slice(index).split(/[\r\n]/, 1);
  const shown = /^\{\{.{0,40}?\}\}/u.exec(line)?.[0] ?? '{{';
  const hint =
    "write {{name}} for a name or a part of one, and {{'name'}} for a string; a name has letters, digits and _";
  return [index, 'bad-placeholder', `${shown} is not a placeholder`, hint];
}

/** The names of all placeholders in a text, in lower case, those in comments and strings included. */
export function placeholderNames(text: string): string[] {
  if (!text.includes('{{')) return [];
  return [...text.matchAll(new RegExp(String.raw`\{\{[ \t]*'?(${word})'?[ \t]*\}\}`, 'g'))].map(
    ([, name = '']) => name.toLowerCase(),
  );
}
