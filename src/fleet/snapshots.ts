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
   * These tenants of a kind were created for it, and have nothing but what the files of all tenants have built: a snapshot
   * may complete them.
   */
  complete(schemas: readonly string[]): void;
  /** The tenant does not exist, or was named by `complete` and has no migration of this kind. */
  isNew(target: Target): boolean;
  /** What stands for the first files of a tenant; `null` if it is not new, or if the snapshot cannot be used for it. */
  of(target: Target): LoadedSnapshot | null;
  /** The pending files of a tenant that no snapshot stands for. */
  rest(target: Target): readonly Migration[];
  /** The snapshot cannot be used in this run, with a warning if there is a reason. */
  giveUp(why: string | null): void;
}

/** The snapshot beside the files, which is read when the first tenant needs it. One that is stale is not used. */
export function createSnapshots({ migrations, config }: PlanSource, emit: OnEvent): Snapshots {
  const bare = new Set<string>();
  const isNew = ({ exists, rows, schema }: Target) => !exists || (bare.has(schema) && rows.length === 0);
  let known: { readonly found: FoundSnapshot; readonly script: Script } | null | undefined;
  const giveUp = (why: string | null, file = known?.found.file) => {
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
  /** Written for tenants like this one: those that have the files of all tenants by then, or those that get none. */
  const fits = ({ tenant }: FoundSnapshot, { exists }: Target) =>
    tenant.length > 0 ? exists : !exists || (migrations.readBase?.() ?? []).length === 0;
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
        return { ...rest, sql: sentText(scriptForTenant(script, target.schema)) };
      } catch (error) {
        // The tenant's name is too long for a placeholder, which the error of a file says better.
        if (error instanceof SqlmigError) return null;
        throw error;
      }
    },
    rest: (target) => target.plan.steps.slice(coveredOf(target)?.covered.length ?? 0),
    giveUp: (why) => giveUp(why),
  };
}
