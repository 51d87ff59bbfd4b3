import type { ScopeName } from '../results.ts';

/** True for text that can be the name of a kind of tenants, which is part of the names of tables. */
export function isScopeName(text: string): boolean {
  return /^[a-z][a-z0-9_]*$/.test(text);
}

/** True for the name of a kind of tenants; false for `public`, and for `tenant`, the files of all tenants. */
export function isOfKind(scope: ScopeName): boolean {
  return scope !== 'public' && scope !== 'tenant';
}
