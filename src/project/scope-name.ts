/** True for text that can be the name of a kind of tenants, which is part of the names of tables. */
export function isScopeName(text: string): boolean {
  return /^[a-z][a-z0-9_]*$/.test(text);
}
