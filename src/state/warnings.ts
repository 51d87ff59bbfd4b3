import type { FindingInSchema } from '../decide/plan.ts';
import { newestVersion } from '../project/version.ts';
import type { Scope } from '../results.ts';
import type { PlanSource } from './plan-source.ts';
import type { Target } from './target.ts';

type Source = Pick<PlanSource, 'config' | 'migrations'>;

/** Warnings about schemas, one sentence each. They do not stop a run. */
export function warningsOf(targets: readonly Target[], source: Source): string[] {
  const missing = scopes.flatMap((scope) => {
    const here = targets.filter((target) => target.scope === scope && target.plan.findings.some(isMissing));
    return someHave(
      here,
      `applied versions${ofScope(source)} whose files no longer exist; sqlmig verify lists them`,
    );
  });
  return [...aheadWarnings(targets, source), ...missing];
}

/** Warnings about schemas that a newer release has migrated, one per scope. */
export function aheadWarnings(targets: readonly Target[], source: Source): string[] {
  return scopes.flatMap((scope) => {
    const ahead = targets.filter((target) => target.scope === scope && target.plan.ahead.length > 0);
    const newest = newestVersion(source.migrations[scope]);
    if (newest === null) return [];
    return someHave(
      ahead,
      `applied versions${ofScope(source)} above the newest file (${newest}): a newer release has run here`,
    );
  });
}

function ofScope({ config: { scope } }: Source): string {
  return scope === null ? '' : ` of scope ${scope.name}`;
}

const scopes: readonly Scope[] = ['public', 'tenant'];

function isMissing({ kind, version }: FindingInSchema): boolean {
  return kind === 'file-missing' && version !== undefined;
}

function someHave(targets: readonly Target[], what: string): string[] {
  const [first, ...more] = targets;
  if (first === undefined) return [];
  return [`${first.schema}${more.length === 0 ? ' has' : ` and ${more.length} more have`} ${what}`];
}
