/** Source of a pattern: an identifier, plain or quoted. */
export const identifierPattern = String.raw`"(?:[^"]|""){1,200}"|[\p{L}_][\p{L}\p{N}_$]*`;

/** True for a token that is an identifier, plain or quoted, or a key word. */
export function isIdentifier(token: string): boolean {
  return /^["\p{L}_]/u.test(token);
}

/** An identifier as PostgreSQL reads it. */
export function foldedName(identifier: string): string {
  return identifier.startsWith('"')
    ? identifier.slice(1, -1).replaceAll('""', '"')
    : identifier.toLowerCase();
}
