/** The scopes of some items, `public` and `tenant` first, the others in the order of the items. */
export function scopesIn(items: readonly { readonly scope: string }[]): readonly string[] {
  const scopes = new Set(items.map(({ scope }) => scope));
  const first = ['public', 'tenant'].filter((scope) => scopes.has(scope));
  return [...new Set([...first, ...scopes])];
}
