import { foldedName, identifierPattern, isIdentifier } from '../sql/identifier.ts';
import { type ParsedStatement, type Token, tokensOf } from '../sql/parse.ts';
import { byteIndexes } from '../sql/position.ts';
import type { Range } from '../sql/ranges.ts';
import type { NameKind, ParsedText } from './created-objects.ts';

/**
 * A name with its schema in code: never in a comment, or the body of a function or block, and in a string only if
 * PostgreSQL reads it as the name of a relation.
 */
export interface QualifiedPlace {
  readonly name: string;
  readonly kind: NameKind;
  /** UTF-16 index of the schema. */
  readonly index: number;
  /** The schema and the dot after it. */
  readonly qualifier: readonly Range[];
}

/** The names that `schema` qualifies in a text, in its order. */
export async function qualifiedNames(parsed: ParsedText, schema: string): Promise<QualifiedPlace[]> {
  const tokens = await tokensOf(parsed.text);
  const kinds = kindsByPlace(parsed);
  const found: QualifiedPlace[] = [];
  tokens.forEach((token, i) => {
    const inString = nameInString(tokens, i);
    if (inString?.schema === schema) found.push(inString);
    const [dot, name, after] = [tokens[i + 1], tokens[i + 2], tokens[i + 3]];
    if (dot?.text !== '.' || name === undefined || tokens[i - 1]?.text === '.') return;
    if (!isIdentifier(name.text) && !isOperator(name)) return;
    if (!isIdentifier(token.text) || foldedName(token.text) !== schema) return;
    const kind = kinds.get(token.index) ?? 'any';
    // Two parts are a table and its column; three are a schema, a table and its column.
    if (kind === 'column' && after?.text !== '.') return;
    found.push({
      name: foldedName(name.text),
      kind: kind === 'column' ? 'relation' : kind,
      index: token.index,
      qualifier: [
        { start: token.index, end: token.end },
        { start: dot.index, end: dot.end },
      ],
    });
  });
  return found;
}

/** The qualified name in a string that is cast to regclass, or is the first argument of a function about sequences. */
function nameInString(tokens: readonly Token[], i: number): (QualifiedPlace & { schema: string }) | null {
  const { text = '', index = 0 } = tokens[i] ?? {};
  const [, before = '', schema, dot, name] = qualifiedString.exec(text) ?? [];
  if (schema === undefined || dot === undefined || name === undefined) return null;
  const [open, caller] = [tokens[i - 1]?.text, tokens[i - 2]?.text ?? ''];
  const type = tokens
    .slice(i + 1, i + 5)
    .map((token) => token.text)
    .join('');
  if (!(open === '(' && sequenceFunctions.test(caller)) && !castToRegclass.test(type)) return null;
  const start = index + 1 + before.length;
  return {
    name: foldedName(name),
    kind: 'relation',
    schema: foldedName(schema),
    index: start,
    qualifier: [{ start, end: start + schema.length + dot.length }],
  };
}

const qualifiedString = new RegExp(
  `^'(\\s*)(${identifierPattern})(\\s*\\.\\s*)(${identifierPattern})\\s*'$`,
  'u',
);
const sequenceFunctions = /^"?(?:nextval|currval|setval|pg_get_serial_sequence)"?$/i;
const castToRegclass = /^::(?:pg_catalog\.)?regclass/i;

function isOperator({ text }: Token): boolean {
  return /^[-+*/<>=~!@#%^&|`?]+$/.test(text) && text !== '*';
}

function kindsByPlace({ text, statements }: ParsedText): ReadonlyMap<number, NameKind | 'column'> {
  const kinds = new Map<number, NameKind | 'column'>();
  for (const statement of statements) {
    const places = placesIn(statement).sort(([a], [b]) => a - b);
    const indexOf = byteIndexes(text.slice(statement.start, statement.end));
    for (const [byte, kind] of places) kinds.set(statement.start + indexOf(byte - statement.byte), kind);
  }
  return kinds;
}

/** Where names of a known kind are in a statement, in bytes. */
function placesIn({ kind: statement, fields }: ParsedStatement): [byte: number, kind: NameKind | 'column'][] {
  // The grammar takes the functions of an operator or aggregate for types.
  if (statement === 'DefineStmt') return [];
  const places: [number, NameKind | 'column'][] = [];
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) for (const item of node) walk(item);
    else if (typeof node === 'object' && node !== null) {
      const { location } = node as { readonly location?: number };
      const kind = kindOf(node);
      if (location !== undefined && kind !== null) places.push([location, kind]);
      for (const value of Object.values(node)) walk(value);
    }
  };
  walk(fields);
  return places;
}

function kindOf(node: object): NameKind | 'column' | null {
  if ('relname' in node) return 'relation';
  if ('names' in node && 'typemod' in node) return 'type';
  if ('funcname' in node) return 'function';
  return 'fields' in node ? 'column' : null;
}
