import { SqlmigError } from '../errors.ts';
import type { Migration } from '../sql/migration.ts';
import { compareVersions } from './version.ts';

/**
 * Checks that a file has the version at which a run stops: a mistyped version would apply fewer files, or all.
 * @throws SqlmigError `bad-usage` naming the versions next to it.
 */
export function requireVersion(
  {
    public: shared,
    tenant,
    applied = [],
  }: Readonly<Record<'public' | 'tenant', readonly Migration[]>> & {
    /** Applied migrations. Their versions are valid too. */
    readonly applied?: readonly Pick<Migration, 'version'>[];
  },
  to: string | null | undefined,
): void {
  if (to === null || to === undefined) return;
  const versions = [...shared, ...tenant, ...applied].flatMap(({ version }) => version ?? []);
  if (versions.some((version) => compareVersions(version, to) === 0)) return;
  const sorted = versions.toSorted(compareVersions);
  const below = sorted.findLast((version) => compareVersions(version, to) < 0);
  const above = sorted.find((version) => compareVersions(version, to) > 0);
  const next = [...new Set([below, above])].filter((version) => version !== undefined);
  throw new SqlmigError('bad-usage', `no migration file has version ${to}`, {
    state: 'nothing was run',
    hint:
      next.length === 0
        ? 'there is no versioned migration'
        : `the nearest ${next.length === 1 ? 'version is' : 'versions are'} ${next.join(' and ')}`,
  });
}
