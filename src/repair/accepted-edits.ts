import type { Config } from '../project/config.ts';
import { type Migrations, readMigrations } from '../project/migrations.ts';
import { callback, checkValue, type Kinds, yesOrNo } from '../project/option.ts';
import { type Selection, selection } from '../project/selection.ts';
import { withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, migrateSettings } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import { allTargets, readFleetState } from '../state/fleet-state.ts';
import type { Target } from '../state/target.ts';
import { type RepairedSchema, type RowEdit, repairSchemas, rowRepair } from './repair.ts';

/** Options of a repair that changes history rows if `accept` returns `true`. */
export interface AcceptedEditOptions<T> extends ChangeOptions {
  readonly select: Selection;
  /** Called once with all findings, if there are any. The repair proceeds only if it returns `true`. */
  readonly accept: (found: readonly T[]) => boolean | Promise<boolean>;
}

/** A finding in a history, and the edit that would repair it. */
interface ProposedEdit<T> {
  readonly found: T;
  readonly edit: RowEdit;
}

/** Finds the edits that a repair would make. */
export interface EditSearch<T> {
  /** Checks all selected schemas first. @throws SqlmigError if the repair must not run. */
  readonly check?: (targets: readonly Target[], migrations: Migrations, config: Config) => void;
  /** The edits of one schema. */
  readonly propose: (
    target: Target,
    reading: { readonly migrations: Migrations; readonly database: string; readonly config: Config },
  ) => readonly ProposedEdit<T>[];
}

/** What was found, and the outcome. */
export interface AcceptedEdits<T> {
  readonly found: readonly T[];
  readonly accepted: boolean;
  readonly schemas: readonly RepairedSchema[];
}

/** Finds edits in the selected schemas of one database, and makes them if `accept` agrees. */
export async function applyAcceptedEdits<T>(
  config: Config,
  options: AcceptedEditOptions<T>,
  search: EditSearch<T>,
): Promise<AcceptedEdits<T>> {
  const work = (_: Config, listening: AcceptedEditOptions<T>) => applyIn(config, listening, search);
  return traced('repair', config, { options, work });
}

/** The kinds of values of `AcceptedEditOptions`. */
export const acceptedEditKinds: Kinds<AcceptedEditOptions<unknown>> = {
  ...changeKinds,
  select: { ...selection, required: true },
  accept: { ...callback, required: true },
};

async function applyIn<T>(
  config: Config,
  { select, accept, ...options }: AcceptedEditOptions<T>,
  { check, propose }: EditSearch<T>,
): Promise<AcceptedEdits<T>> {
  const migrations = await readMigrations(config);
  const settings = migrateSettings(options, config);
  const source = { config, migrations, options: settings.plan };
  return withRun(config, settings, async (run) => {
    const state = await run.read((_, reader) => readFleetState(reader, source, { selection: select }));
    const targets = allTargets(state);
    check?.(targets, migrations, config);
    const reading = { migrations, database: run.database, config };
    const found = targets.flatMap((target) => propose(target, reading)).map((proposed) => proposed.found);
    const accepted = found.length > 0 && (await accept(found));
    checkValue('the answer of accept', accepted, yesOrNo);
    // Only edits that `accept` has seen are made, even if another session has changed the history.
    const shown = new Set(found.map((finding) => JSON.stringify(finding)));
    const edits = (target: Target) =>
      propose(target, reading)
        .filter((proposed) => accepted && shown.has(JSON.stringify(proposed.found)))
        .map(({ edit }) => edit);
    const repairable = targets.filter((target) => target.trouble !== null || edits(target).length > 0);
    const repair = rowRepair(run, settings, edits);
    return { found, accepted, schemas: await repairSchemas({ run, source, settings }, repairable, repair) };
  });
}
