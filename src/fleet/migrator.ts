import type { UnitContext } from '../protocol/unit-context.ts';
import { unitContext } from '../run/context.ts';
import type { Run } from '../run/run.ts';
import type { MigrateSettings } from '../run/run-options.ts';
import type { PlanSource } from '../state/plan-source.ts';
import { createLimit } from './limit.ts';
import { createRightsCheck } from './rights.ts';
import { createScripts, type Scripts } from './scripts.ts';
import { createSnapshots, type Snapshots } from './snapshots.ts';
import { createTurns, type Turns } from './turns.ts';

/** A run that changes schemas, with the files and settings it works by. */
export interface MigrationRun {
  readonly run: Run;
  readonly source: PlanSource;
  readonly settings: MigrateSettings;
}

/** The run, scripts and limits that all schemas of one run share. */
export interface Migrator extends MigrationRun {
  readonly context: UnitContext;
  readonly scripts: Scripts;
  readonly turns: Turns;
  readonly snapshots: Snapshots;
  /** Runs non-transactional files, at most `concurrentIndexJobs` at once. */
  readonly indexJobs: ReturnType<typeof createLimit>;
  /** Checks once per schema that the role may start there. @throws SqlmigError `server-refused`. */
  readonly checkRights: ReturnType<typeof createRightsCheck>;
}

/** A migrator on a run's own session; for `confined` see `UnitContext`. */
export function createMigrator({ run, source, settings }: MigrationRun, confined = false): Migrator {
  const scripts = createScripts(run, source.migrations, settings.emit);
  return {
    run,
    source,
    settings,
    context: {
      ...unitContext(run, settings, [...source.migrations.public, ...source.migrations.tenant]),
      confined,
    },
    scripts,
    turns: createTurns(scripts.all),
    snapshots: createSnapshots(source, settings.emit),
    indexJobs: createLimit(settings.concurrentIndexJobs),
    checkRights: createRightsCheck(run),
  };
}
