import type { Migration } from '../sql/migration.ts';
import { canonicalVersion, compareVersions } from './version.ts';

type Ordered = Pick<Migration, 'version' | 'name'>;

/** Versioned migrations by number, then repeatables by name (in code units, independent of the locale). */
export function inRunningOrder<T extends Ordered>(migrations: readonly T[]): T[] {
  return [...migrations].sort(runningOrder((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** The order of versioned migrations by number, then of repeatables by a given order of names. */
export function runningOrder(byName: (a: string, b: string) => number): (a: Ordered, b: Ordered) => number {
  return (a, b) => {
    if (a.version !== null && b.version !== null) return compareVersions(a.version, b.version);
    if (a.version === null && b.version === null) return byName(a.name, b.name);
    return a.version === null ? 1 : -1;
  };
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
