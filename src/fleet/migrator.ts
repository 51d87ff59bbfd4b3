import type { Migrations } from '../project/migrations.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import { type Run, unitContext } from '../run/run.ts';
import type { MigrateSettings } from '../run/run-options.ts';
import { createLimit } from './limit.ts';
import { createAdmission } from './rights.ts';
import { createScripts, type Scripts } from './scripts.ts';
import { createTurns, type Turns } from './turns.ts';

/** What all schemas of one run are migrated with. */
export interface Migrator {
  readonly run: Run;
  readonly migrations: Migrations;
  readonly settings: MigrateSettings;
  readonly context: UnitContext;
  readonly scripts: Scripts;
  readonly turns: Turns;
  /** Runs non-transactional files, few at a time. */
  readonly indexJobs: ReturnType<typeof createLimit>;
  /** Looks whether the server will let the run begin in schemas, once each. @throws SqlmigError `server-refused`. */
  readonly admit: ReturnType<typeof createAdmission>;
}

/** A migrator on a run's own session. */
export function createMigrator(run: Run, migrations: Migrations, settings: MigrateSettings): Migrator {
  const scripts = createScripts(run, migrations, settings.emit);
  return {
    run,
    migrations,
    settings,
    context: unitContext(run, settings),
    scripts,
    turns: createTurns(scripts.all),
    indexJobs: createLimit(settings.concurrentIndexJobs),
    admit: createAdmission(run),
  };
}
