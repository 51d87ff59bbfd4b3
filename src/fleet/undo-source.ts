import type { UndoExtent } from '../decide/undo.ts';
import { SqlmigError } from '../errors.ts';
import { folderOf, type ScopeFiles } from '../project/migrations.ts';
import type { Scopes } from '../project/scope-view.ts';
import { requireVersion } from '../project/target-version.ts';
import { filledFrom } from '../project/vars.ts';
import { canonicalVersion, newestVersion } from '../project/version.ts';
import type { Scope } from '../results.ts';
import type { PlanSource } from '../state/plan-source.ts';
import type { Target } from '../state/target.ts';
import { createUndoBasis } from '../state/undo-basis.ts';
import type { DownLimit } from './down-options.ts';

// Above all versions, so that nothing is undone.
const beyondAll = '9'.repeat(18);

/** The sources from which a run of `down` plans the schemas of each scope. */
export function undoSources(
  [base, ...kinds]: Scopes<ScopeFiles>,
  { plan, limit }: { readonly plan: PlanSource['options']; readonly limit: DownLimit },
): Scopes<PlanSource> {
  const sourceOf = (scope: ScopeFiles) => undoSource({ ...scope, options: plan }, limit);
  return [sourceOf(base), ...kinds.map(sourceOf)];
}

function undoSource(source: PlanSource, { to, steps, toFiles }: DownLimit): PlanSource {
  const { migrations } = source;
  const extentOf = (scope: Scope): UndoExtent => {
    if (steps !== undefined) return { kind: 'last', steps };
    return { kind: 'above', version: to ?? newestVersion(migrations[scope]) ?? beyondAll };
  };
  const basisOf = (scope: Scope) =>
    createUndoBasis({
      extent: extentOf(scope),
      down: migrations.down.filter((file) => file.scope === scope),
      usesKept: toFiles === true,
      filled: filledFrom(source.config.vars),
    });
  return { ...source, undo: { public: basisOf('public'), tenant: basisOf('tenant') } };
}

/** The schemas that are planned by one source. */
export interface PlannedBySource {
  readonly source: PlanSource;
  readonly targets: readonly Target[];
}

/**
 * Requires that the version to go back to is `0`, or the version of a file or of an applied migration in any scope. For
 * `toFiles`, requires a versioned file in the folder of each schema with a history.
 * @throws SqlmigError `bad-usage` naming the versions next to it, `files-missing`.
 */
export function requireLimit(planned: readonly PlannedBySource[], { to, toFiles }: DownLimit): void {
  if (to !== undefined && canonicalVersion(to) !== '0') {
    const rows = new Set(planned.flatMap(({ targets }) => targets.map((target) => target.rows)));
    const files = planned.flatMap(({ source: { migrations } }) => migrations.tenant);
    const shared = planned[0]?.source.migrations.public ?? [];
    requireVersion({ public: shared, tenant: files, applied: [...rows].flat() }, to);
  }
  if (toFiles === true) for (const part of planned) requireFileToGoBackTo(part);
}

function requireFileToGoBackTo({ source: { config, migrations }, targets }: PlannedBySource): void {
  for (const scope of ['public', 'tenant'] as const) {
    const isApplied = targets.some(
      ({ scope: of, rows }) => of === scope && rows.some(({ version }) => version !== null),
    );
    if (!isApplied || newestVersion(migrations[scope]) !== null) continue;
    throw new SqlmigError('files-missing', `${folderOf(config, scope)} has no versioned file to go back to`, {
      state: 'nothing was touched',
      hint: 'copy the migration files of this release in, or give the version with --to',
    });
  }
}
