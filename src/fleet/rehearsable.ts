import type { Scope } from '../results.ts';
import type { Migration, Script } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';
import { hasWork } from './outcome.ts';
import { schemaRefusal } from './schema-errors.ts';

/** The pending scripts that a rehearsal runs, and the first one that it leaves out. */
export function rehearsable(pending: readonly Script[]): {
  readonly scripts: readonly Script[];
  readonly left: Script | undefined;
} {
  // A non-transactional file cannot be rolled back, and later files may build on it.
  const end = pending.findIndex((script) => script.nonTransactional !== null);
  return { scripts: end === -1 ? pending : pending.slice(0, end), left: pending[end] };
}

/** What a rehearsal leaves out in a scope: one message per file, with the number of tenants. */
export function unrehearsed(
  scope: Scope,
  targets: readonly Target[],
  scripts: ReadonlyMap<Migration, Script>,
): string[] {
  const tenants = new Map<string, number>();
  for (const target of targets) {
    if (!hasWork(target) || schemaRefusal(target) !== null) continue;
    const { left } = rehearsable(target.plan.steps.flatMap((step) => scripts.get(step) ?? []));
    if (left !== undefined) tenants.set(left.migration.file, (tenants.get(left.migration.file) ?? 0) + 1);
  }
  return [...tenants].map(([file, n]) => leftMessage(scope, file, n));
}

/** That a file and what follows it are not rehearsed, in words. */
export function leftMessage(scope: Scope, file: string, tenants: number): string {
  const where = scope === 'public' ? '' : ` in ${tenants} ${tenants === 1 ? 'tenant' : 'tenants'}`;
  return `${file} is non-transactional: neither it nor what follows it is rehearsed${where}`;
}
