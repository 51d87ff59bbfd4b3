import type { Scope, UnrehearsedInScope } from '../results.ts';
import type { Migration, Script } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';
import { tenantCount } from '../text/tenant-count.ts';
import { hasWork } from './outcome.ts';
import { schemaRefusal } from './schema-errors.ts';

/** The pending scripts that a rehearsal runs, and those that it leaves out. */
export function rehearsable(pending: readonly Script[]): {
  readonly scripts: readonly Script[];
  readonly left: readonly Script[];
} {
  // A non-transactional file cannot be rolled back, and later files may build on it.
  const first = pending.findIndex((script) => script.nonTransactional !== null);
  const end = first === -1 ? pending.length : first;
  return { scripts: pending.slice(0, end), left: pending.slice(end) };
}

/** Why a rehearsal leaves out a script that it cannot roll back, in words. */
export const isNonTransactional = 'it is non-transactional';

/** Warnings about the files that a rehearsal leaves out in a scope: one per file, with the number of tenants. */
export function unrehearsedWarnings(
  scope: Scope,
  targets: readonly Target[],
  scripts: ReadonlyMap<Migration, Script>,
): string[] {
  const tenants = new Map<string, number>();
  for (const target of targets) {
    if (!hasWork(target) || schemaRefusal(target) !== null) continue;
    const { left } = rehearsable(target.plan.steps.flatMap((step) => scripts.get(step) ?? []));
    const file = left[0]?.migration.file;
    if (file !== undefined) tenants.set(file, (tenants.get(file) ?? 0) + 1);
  }
  return [...tenants].map(([file, schemas]) =>
    unrehearsedWarning({ scope, file, schemas, why: isNonTransactional }),
  );
}

/** The warning that a file and the files after it are not rehearsed. */
export function unrehearsedWarning({ scope, file, schemas, why }: UnrehearsedInScope): string {
  const where = scope === 'public' ? '' : ` in ${tenantCount(schemas)}`;
  return `${file} and what follows it are not rehearsed${where}: ${why}`;
}
