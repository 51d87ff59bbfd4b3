/** Quotes a name as an SQL identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a text as an SQL string literal, for either value of `standard_conforming_strings`. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** A text in which LIKE gives no character a special meaning. */
export function likeLiteral(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

/** A DO statement with this body, quoted. */
export function doBlock(body: string): string {
  return `DO ${quoteLiteral(body)};\n`;
}

/** The body of a function as SQL: between dollar signs, as people write it, if the text allows that. */
export function quoteBody(text: string): string {
  const tag = ['$$', '$body$'].find((tag) => !text.includes(tag));
  // A carriage return can only be escaped in a string.
  return tag === undefined || text.endsWith('$') || text.includes('\r')
    ? quoteLiteral(text)
    : tag + text + tag;
}
