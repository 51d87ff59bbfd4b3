import type { FindingInSchema } from '../decide/plan.ts';
import { newestVersion } from '../project/version.ts';
import type { Scope } from '../results.ts';
import type { PlanSource } from './plan-source.ts';
import type { Target } from './target.ts';

type Source = Pick<PlanSource, 'config' | 'migrations'>;

/** Oddities of schemas that do not stop a run, one sentence each. */
export function warningsOf(targets: readonly Target[], source: Source): string[] {
  const lost = scopes.flatMap((scope) => {
    const here = targets.filter((target) => target.scope === scope && target.plan.findings.some(isLost));
    return say(
      here,
      `applied versions${ofScope(source)} whose files no longer exist; sqlmig verify lists them`,
    );
  });
  return [...aheadWarnings(targets, source), ...lost];
}

/** Which schemas a newer release was in, a sentence a scope. */
export function aheadWarnings(targets: readonly Target[], source: Source): string[] {
  return scopes.flatMap((scope) => {
    const ahead = targets.filter((target) => target.scope === scope && target.plan.ahead.length > 0);
    const newest = newestVersion(source.migrations[scope]);
    if (newest === null) return [];
    return say(
      ahead,
      `applied versions${ofScope(source)} above the newest file (${newest}): a newer release has run here`,
    );
  });
}

function ofScope({ config: { scope } }: Source): string {
  return scope === null ? '' : ` of scope ${scope.name}`;
}

const scopes: readonly Scope[] = ['public', 'tenant'];

function isLost({ kind, version }: FindingInSchema): boolean {
  return kind === 'file-missing' && version !== undefined;
}

function say(targets: readonly Target[], what: string): string[] {
  const [first, ...more] = targets;
  if (first === undefined) return [];
  return [`${first.schema}${more.length === 0 ? ' has' : ` and ${more.length} more have`} ${what}`];
}
