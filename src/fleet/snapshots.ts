import { snapshotObstacle } from '../decide/snapshot-obstacle.ts';
import { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { filesBefore } from '../project/files-before.ts';
import type { FoundSnapshot } from '../project/snapshot-file.ts';
import type { LoadedSnapshot } from '../protocol/snapshot-rows.ts';
import { scriptForTenant, sentText } from '../sql/filling.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { snapshotScript } from '../sql/snapshot-script.ts';
import type { PlanSource } from '../state/plan-source.ts';
import type { Target } from '../state/target.ts';

/** The snapshot of a run, with which new tenants are created. */
export interface Snapshots {
  /**
   * Marks tenants of a kind that were just created and contain only what the files of all tenants build: a snapshot may
   * complete them.
   */
  complete(schemas: readonly string[]): void;
  /** True if the tenant has no schema or an empty one, or was passed to `complete` and has no migration of this kind. */
  isNew(target: Target): boolean;
  /** The snapshot that replaces the first files of a tenant; `null` if it is not new or cannot use the snapshot. */
  of(target: Target): LoadedSnapshot | null;
  /** The pending files of a tenant that the snapshot does not replace. */
  rest(target: Target): readonly Migration[];
  /**
   * Stops using the snapshot in this run, with a warning. `null` if it is not at fault: then only after this has happened
   * several times, because something that only the first tenant changes may have been the cause.
   */
  giveUp(why: string | null): void;
}

// Each time, the tenant is built twice.
const mostSuspicions = 8;

/** Reads the snapshot beside the files when the first tenant needs it. A stale snapshot is not used. */
export function createSnapshots({ migrations, config }: PlanSource, emit: OnEvent): Snapshots {
  const bare = new Set<string>();
  const isBare = ({ rows, schema }: Target) => bare.has(schema) && rows.length === 0;
  const isNew = (target: Target) => !target.exists || target.isEmpty || isBare(target);
  let known: { readonly found: FoundSnapshot; readonly script: Script } | null | undefined;
  let suspicions = 0;
  const giveUp = (why: string | null, file = known?.found.file) => {
    if (why === null && ++suspicions < mostSuspicions) return;
    known = null;
    if (why !== null && file !== undefined)
      emit({
        type: 'warning',
        message: `ignoring ${file}: ${why}; new tenants are built from the files (write it again with: sqlmig snapshot)`,
      });
  };
  const read = () => {
    if (known !== undefined) return known;
    known = null;
    const found = migrations.readSnapshot?.() ?? null;
    if (found === null) return null;
    const before = filesBefore(migrations, config);
    const obstacle = snapshotObstacle(found, { files: migrations, before, config });
    if (obstacle === null) known = { found, script: snapshotScript(found.file, found.sql) };
    else giveUp(obstacle, found.file);
    return known;
  };
  /** True if the snapshot was written for tenants like this one: with the files of all tenants, or without. */
  const fits = ({ tenant }: FoundSnapshot, target: Target) =>
    tenant.length > 0 ? isBare(target) : !isBare(target) || (migrations.readBase?.() ?? []).length === 0;
  const coveredOf = (target: Target) => {
    const { scope, plan } = target;
    const { steps } = plan;
    const isUsable = scope === 'tenant' && isNew(target) && steps.length > 0;
    const { found, script } = (isUsable ? read() : null) ?? {};
    if (found === undefined || script === undefined || !fits(found, target)) return null;
    const covered = found.covers.flatMap(({ statements }, i) => {
      const migration = steps[i];
      return migration === undefined || migration !== migrations.tenant[i] ? [] : [{ migration, statements }];
    });
    return covered.length === 0 || covered.length < found.covers.length
      ? null
      : { script, covered, session: found.session };
  };
  return {
    complete(schemas) {
      for (const schema of schemas) bare.add(schema);
    },
    isNew,
    of(target) {
      const usable = coveredOf(target);
      if (usable === null) return null;
      try {
        const { script, ...rest } = usable;
        const sql = sentText(scriptForTenant(script, target.schema));
        return { ...rest, sql, fillsEmpty: target.exists && !isBare(target) };
      } catch (error) {
        // The tenant's name is too long for a placeholder. A file reports this with its place.
        if (error instanceof SqlmigError) return null;
        throw error;
      }
    },
    rest: (target) => target.plan.steps.slice(coveredOf(target)?.covered.length ?? 0),
    giveUp: (why) => giveUp(why),
  };
}
