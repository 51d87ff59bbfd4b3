import { literalPattern } from '../text/literal-pattern.ts';
import { foldedName, isIdentifier } from './identifier.ts';
import { type Token, tokensOf } from './parse.ts';
import { codePoints } from './position.ts';

/** Where a text names something with a schema. */
export interface Mention {
  /** The name after the schema, as the server reads it; `null` if the text only begins a name, such as `'public.' || t`. */
  readonly name: string | null;
  /** Counted from 1. */
  readonly line: number;
  /** `code` is read by the parser, `text` lies in a string, and `schema` is a string of only the schema's name. */
  readonly in: 'code' | 'text' | 'schema';
}

/** A mention in code, and the UTF-16 indexes of the schema's name. */
interface Qualifier extends Mention {
  readonly start: number;
  readonly end: number;
}

/** What names a schema in a text, outside of comments. A text that cannot be divided into tokens counts as one string. */
export async function mentionsOf(text: string, schema: string): Promise<Mention[]> {
  return (await divided(text, schema)).mentions;
}

/** The first line in which code asks for the schemas of its `search_path`; `null` if none does, or if it has no tokens. */
export async function currentSchemaLine(text: string): Promise<number | null> {
  if (!/current_schema/i.test(text)) return null;
  const tokens = await tokensOf(text).catch((): Token[] => []);
  const found = tokens.find((token) => /^current_schemas?$/i.test(token.text));
  return found === undefined ? null : lines(text)(found.index);
}

/** A text with another schema in front of the names that `isMoved` accepts; strings stay as they are. `to` is SQL. */
export async function withQualifier(
  text: string,
  schema: string,
  { to, isMoved }: { readonly to: string; readonly isMoved: (name: string) => boolean },
): Promise<string> {
  const { qualifiers } = await divided(text, schema);
  let result = text;
  for (const { start, end, name } of qualifiers.toReversed())
    if (name !== null && isMoved(name)) result = result.slice(0, start) + to + result.slice(end);
  return result;
}

async function divided(
  text: string,
  schema: string,
): Promise<{ readonly mentions: Mention[]; readonly qualifiers: Qualifier[] }> {
  if (!text.toLowerCase().includes(schema.toLowerCase())) return { mentions: [], qualifiers: [] };
  const lineAt = lines(text);
  let tokens: Token[];
  try {
    tokens = await tokensOf(text);
  } catch {
    return { mentions: inString(text, schema, 1), qualifiers: [] };
  }
  const qualifiers = tokens.flatMap((token, i): Qualifier[] => {
    const [dot, name] = [tokens[i + 1], tokens[i + 2]];
    if (!isIdentifier(token.text) || foldedName(token.text) !== schema || dot?.text !== '.') return [];
    const line = lineAt(token.index);
    const called = name === undefined || name.text === '*' ? null : nameIn(name.text);
    return [{ name: called, line, in: 'code', start: token.index, end: token.end }];
  });
  const strings = tokens.flatMap((token, i) => {
    if (!/^(?:[eEnN]|[uU]&)?'|^\$/.test(token.text) || isResolved(tokens, i)) return [];
    return inString(token.text, schema, lineAt(token.index));
  });
  const mentions = [
    ...qualifiers.map(({ name, line, in: where }) => ({ name, line, in: where })),
    ...strings,
  ];
  return { mentions: mentions.sort((a, b) => a.line - b.line), qualifiers };
}

function nameIn(text: string): string {
  return isIdentifier(text) ? foldedName(text) : text;
}

// In an expression that the server prints, a constant of these types names an object.
function isResolved(tokens: readonly Token[], i: number): boolean {
  return tokens[i + 1]?.text === '::' && /^reg(?!exp)/i.test(tokens[i + 2]?.text ?? '');
}

function inString(token: string, schema: string, line: number): Mention[] {
  const quoted = /^(?:(?:[eEnN]|[uU]&)?'(?<plain>[\s\S]*)'|(?<tag>\$[^$]*\$)(?<dollar>[\s\S]*)\k<tag>)$/;
  const { plain, dollar } = quoted.exec(token)?.groups ?? {};
  const content = plain ?? dollar ?? token;
  if (content === schema) return [{ name: null, line, in: 'schema' }];
  const literal = literalPattern(schema);
  const own = new RegExp(
    String.raw`(?<![\p{L}\p{N}_$])(?:${literal}|"${literal}")\s*\.\s*("(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*)?`,
    'giu',
  );
  return [...content.matchAll(own)].map(({ 1: name, index }) => ({
    name: name === undefined ? null : foldedName(name),
    line: line + content.slice(0, index).split('\n').length - 1,
    in: 'text',
  }));
}

function lines(text: string): (index: number) => number {
  return (index) => text.slice(0, index).split('\n').length;
}

/** The first line of a text around a line number, for messages. */
export function lineOf(text: string, line: number): string {
  const found = (text.split('\n')[line - 1] ?? '').trim();
  return codePoints(found) > 80 ? `${[...found].slice(0, 79).join('')}…` : found;
}
