import type { Migration } from '../sql/migration.ts';
import { canonicalVersion, compareVersions } from './version.ts';

/** Versioned migrations by number, then repeatables by name (in code units, independent of the locale). */
export function inRunningOrder(migrations: readonly Migration[]): Migration[] {
  return [...migrations].sort((a, b) => {
    if (a.version !== null && b.version !== null) return compareVersions(a.version, b.version);
    if (a.version === null && b.version === null) return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
    return a.version === null ? 1 : -1;
  });
}

/** What history knows a migration by: its number, or the name of a repeatable. */
export function historyKey(item: { readonly version: string | null; readonly name: string }): string {
  return item.version === null ? `R__${item.name}` : canonicalVersion(item.version);
}

/** How messages name a migration: by its version and name. */
export function migrationLabel({
  version,
  name,
}: {
  readonly version: string | null;
  readonly name: string;
}): string {
  return `${version ?? 'R_'}_${name}`;
}
