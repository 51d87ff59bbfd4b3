import type { Config } from '../config.ts';
import { completePlan } from '../core/plan.ts';
import type { Server } from '../db/session.ts';
import type { OnEvent } from '../events.ts';
import { type Migrations, readMigrations } from '../migrations.ts';
import { ownSignal, withRun } from './run.ts';
import { type Selection, type Survey, survey } from './survey.ts';

/** What the commands that only read can be told. */
export interface InspectOptions {
  /** Everything by default. */
  readonly select?: Selection;
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** A survey, and the database and files it was made of. */
export interface Inspection {
  readonly database: string;
  readonly server: Server;
  readonly migrations: Migrations;
  readonly survey: Survey;
}

/** Reads files and fleet for a command that changes nothing; takes no lock. `check` may refuse the files. */
export async function inspect(
  config: Config,
  options: InspectOptions,
  plan = completePlan({}, config),
  check: (migrations: Migrations) => Promise<unknown> = async () => {},
): Promise<Inspection> {
  const { select = { kind: 'all', except: [] }, onEvent = () => {} } = options;
  const migrations = await readMigrations(config);
  await check(migrations);
  return withRun(
    config,
    { emit: onEvent, signal: ownSignal(options.signal) },
    async ({ look, database, server }) => ({
      database,
      server,
      migrations,
      survey: await look((_, reader) => survey(reader, migrations, select, plan, config)),
    }),
  );
}

/** Every schema of a survey, public first. */
export function surveyed({ survey: { public: shared, tenants } }: Inspection) {
  return [shared, ...tenants];
}
