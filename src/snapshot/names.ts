import { joinedLexemes, placeholdersOf } from '../sql/placeholders.ts';

/**
 * SQL in which the name of the tenant that was built is replaced with placeholders. Returns the text with the name if it
 * is in a place where a placeholder cannot be.
 */
export function withPlaceholders(
  sql: string,
  tenant: string,
): { readonly sql: string } | { readonly unfit: string } {
  const own = placeholdersOf(sql).composites[0];
  if (own !== undefined) return { unfit: sql.slice(own.start, own.end) };
  const parts: string[] = [];
  let from = 0;
  const bare = (end: number) => parts.push(sql.slice(from, end).replaceAll(tenant, '{{tenant}}'));
  for (const { kind, start, end } of joinedLexemes(sql)) {
    bare(start);
    const text = sql.slice(start, end);
    from = end;
    if (kind === 'quote' && text === `'${tenant}'`) parts.push(`{{'tenant'}}`);
    else if (text.startsWith("'") && text.includes('\r') && !text.includes(tenant))
      parts.push(...withEscapedReturns(sql, start, text));
    else if (!text.includes(tenant)) parts.push(text);
    else if (kind === 'quote' && text.startsWith('"')) parts.push(text.replaceAll(tenant, '{{tenant}}'));
    else return { unfit: text };
  }
  bare(sql.length);
  return { sql: parts.join('') };
}

/** A string in which carriage returns survive programs that change the ends of lines. */
function withEscapedReturns(sql: string, start: number, text: string): string[] {
  const isEscaped = /(?<![\w$])e$/i.test(sql.slice(Math.max(0, start - 2), start));
  const body = (isEscaped ? text : text.replaceAll('\\', '\\\\')).replaceAll('\r', '\\r');
  return isEscaped ? [body] : [' E', body];
}
