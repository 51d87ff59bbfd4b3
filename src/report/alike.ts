import { literalPattern } from '../text/literal-pattern.ts';

/**
 * A text about a schema, without the name of the schema. Only for comparing: if these are equal, the texts say the same
 * about different schemas.
 */
export function withoutOwnName(text: string | undefined, schema: string): string {
  if (text === undefined || schema === '') return text ?? '';
  const name = literalPattern(schema);
  return text.replace(new RegExp(`(?<![\\p{L}\\p{N}_])${name}(?![\\p{L}\\p{N}_])`, 'gu'), '\u0000');
}
