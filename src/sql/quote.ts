/** An SQL identifier that names exactly this object, whatever characters it has. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** An SQL string literal; right whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** A text in which LIKE gives no character a special meaning. */
export function likeLiteral(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

/** A DO statement, whatever its body holds. */
export function doBlock(body: string): string {
  return `DO ${quoteLiteral(body)};\n`;
}

/** The body of a function as SQL: between dollar signs, as people write it, if the text allows that. */
export function quoteBody(text: string): string {
  const tag = ['$$', '$body$'].find((one) => !text.includes(one));
  // A carriage return can only be escaped in a string.
  return tag === undefined || text.endsWith('$') || text.includes('\r')
    ? quoteLiteral(text)
    : tag + text + tag;
}
