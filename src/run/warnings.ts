import { newestVersion } from '../core/plan.ts';
import type { Migrations } from '../migrations.ts';
import type { Target } from './look.ts';

/** What is odd about some schemas and stops nobody, a sentence each. */
export function warningsOf(targets: readonly Target[], migrations: Migrations): string[] {
  return (['public', 'tenant'] as const).flatMap((scope) => {
    const here = targets.filter((target) => target.scope === scope);
    const ahead = here.filter((target) => target.plan.ahead.length > 0);
    const lost = here.filter((target) =>
      target.plan.findings.some(
        ({ kind, version }) =>
          kind === 'file-missing' && version !== undefined && !target.plan.ahead.includes(version),
      ),
    );
    const newest = newestVersion(migrations[scope]);
    return [
      ...say(
        ahead,
        `applied versions above the newest file${newest === null ? '' : ` (${newest})`}: a newer release was here`,
      ),
      ...say(lost, 'applied versions whose file is gone; sqlmig verify names them'),
    ];
  });
}

function say(targets: readonly Target[], what: string): string[] {
  const [first, ...more] = targets;
  if (first === undefined) return [];
  return [`${first.schema}${more.length === 0 ? ' has' : ` and ${more.length} more have`} ${what}`];
}
