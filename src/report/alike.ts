/**
 * A text about a schema, without the schema's own name: what is said of several is the same where these are equal. For
 * comparing only.
 */
export function withoutOwnName(text: string | undefined, schema: string): string {
  if (text === undefined || schema === '') return text ?? '';
  const name = schema.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  return text.replace(new RegExp(`(?<![\\p{L}\\p{N}_])${name}(?![\\p{L}\\p{N}_])`, 'gu'), '\u0000');
}
