import { completePlan, type PlanOptions } from '../decide/plan.ts';
import type { OnEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import { type Migrations, readMigrations } from '../project/migrations.ts';
import { abortSignal, callback, type Kinds, selection } from '../project/option.ts';
import { ownListener } from '../run/listener.ts';
import { ownSignal, withRun } from '../run/run.ts';
import type { Server, Session } from '../server/session.ts';
import type { Target } from './look.ts';
import { type Selection, type Survey, survey } from './survey.ts';
import { lookAtUnlisted } from './unlisted.ts';
import { aheadWarnings } from './warnings.ts';

/** What the commands that only read can be told. */
export interface InspectOptions {
  /** Everything by default. */
  readonly select?: Selection;
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** What `InspectOptions` take. */
export const inspectKinds: Kinds<InspectOptions> = {
  select: selection,
  signal: abortSignal,
  onEvent: callback,
};

/** What a command wants to know beside the selected schemas. */
interface Interest {
  readonly plan?: PlanOptions;
  /** May refuse the files. */
  readonly check?: (migrations: Migrations) => Promise<unknown>;
  /** Reads more, in the same session. */
  readonly look?: (session: Session, found: Survey) => Promise<unknown>;
  /** Look for schemas that the tenant source does not list. */
  readonly unlisted?: boolean;
}

/** A survey, and the database and files it was made of. */
export interface Inspection {
  readonly database: string;
  readonly server: Server;
  readonly migrations: Migrations;
  readonly survey: Survey;
  /** Schemas with our history that no run migrates; empty where nothing asked for them. */
  readonly unlisted: readonly Target[];
}

/** Reads files and fleet for a command that changes nothing; takes no lock. */
export async function inspect(
  config: Config,
  options: InspectOptions,
  { plan = completePlan({}, config), check, look: more, unlisted = false }: Interest = {},
): Promise<Inspection> {
  const { select = { kind: 'all', except: [] } } = options;
  const onEvent = ownListener(options.onEvent);
  const migrations = await readMigrations(config);
  await check?.(migrations);
  const running = { emit: onEvent, signal: ownSignal(options.signal) };
  const inspection = await withRun(config, running, ({ look, database, server }) =>
    look(async (session, reader) => {
      const found = await survey(reader, migrations, select, plan, config);
      await more?.(session, found);
      return {
        database,
        server,
        migrations,
        survey: found,
        unlisted: unlisted ? await lookAtUnlisted(reader, found, migrations, select, plan, config) : [],
      };
    }),
  );
  for (const message of [...migrations.strays, ...aheadWarnings(surveyed(inspection), migrations)])
    onEvent({ type: 'warning', message });
  return inspection;
}

/** Every selected schema, public first. */
export function surveyed({ survey: { public: shared, tenants } }: Inspection) {
  return [shared, ...tenants];
}
