import type { TakenLock } from '../cost-results.ts';
import type { SqlmigError } from '../errors.ts';
import { findSchemas } from '../history/presence.ts';
import { durationOf } from '../protocol/durations.ts';
import { schemasToCompare } from '../protocol/guard.ts';
import { namedOutside } from '../protocol/measuring.ts';
import { composeRehearsal, type PendingFiles } from '../protocol/message.ts';
import type { Message } from '../protocol/message-text.ts';
import type { Unit, UnitContext } from '../protocol/unit-context.ts';
import { begunColumn } from '../protocol/unit-row.ts';
import type { Row } from '../server/answer.ts';
import { identifierCut } from '../server/notice.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { type Attempt, appliedMigration, attemptOf } from './attempt.ts';
import { describeFailure, positionOf } from './failure.ts';
import { costsOf } from './file-costs.ts';
import { createFigures, type FigureCollector } from './file-figures.ts';
import { historyError, missesHistory } from './history-error.ts';
import { changesOutside, createSightings } from './probe.ts';
import { readRelations, relationsBefore } from './relations-before.ts';
import { trespassError } from './scope-guard.ts';
import type { UnitPlace } from './unit-place.ts';

/** A rehearsal: the files whose outcome is asked for are those of the last part. */
export interface Rehearsal {
  readonly parts: readonly [...PendingFiles[], PendingFiles];
  /** SQL to run before all of them. */
  readonly before?: string;
  /** SQL to run after the last of them, and what takes its rows. */
  readonly after?: { readonly sql: string; readonly onRow: (row: Row) => void };
  /** Measure what each file of the last part costs. */
  readonly measures?: boolean;
}

/**
 * Runs the pending files of the last part, after those of the parts before it, and rolls everything back. Returns what
 * would have been applied, with durations and the locks that block other sessions.
 */
export async function rehearseUnits(
  session: Session,
  rehearsal: Rehearsal,
  context: UnitContext,
): Promise<Attempt> {
  const figures = createFigures();
  const attempt = await runRehearsal(session, rehearsal, { context, figures });
  if (attempt.kind !== 'failed' && attempt.kind !== 'done') return attempt;
  if (rehearsal.measures !== true) return attempt;
  const { schema, scripts } = rehearsal.parts.at(-1) as PendingFiles;
  try {
    const before = await relationsBefore(session, figures.files);
    const costs = costsOf({ schema, scripts, context, figures, before });
    if (attempt.kind === 'failed') return { ...attempt, costs };
    const applied = attempt.applied.map((one, i) => ({
      ...one,
      durationMs: costs[i]?.durationMs ?? one.durationMs,
    }));
    return { ...attempt, applied, costs };
  } catch (error) {
    if (attempt.kind === 'failed') return attempt;
    return attemptOf(error, { schema, context });
  }
}

async function runRehearsal(
  session: Session,
  { parts, before = '', after, measures = false }: Rehearsal,
  { context, figures }: { readonly context: UnitContext; readonly figures: FigureCollector },
): Promise<Attempt> {
  const last = parts.at(-1) as PendingFiles;
  const place = { schema: last.schema, context };
  const units = parts.flatMap(({ schema, scripts }) =>
    scripts.map((script) => ({ schema, script, context })),
  );
  const guarded = last.scripts.filter((script) => !script.allowsPublic);
  const compared = guarded.length > 0 ? await schemasBefore(session, parts, { guarded, context }) : [];
  const message = composeRehearsal(parts, context, {
    compared,
    before,
    after: after?.sql ?? '',
    ...(measures && { measures: await schemasNamed(session, last, context) }),
  });
  const report = createRehearsalReport();
  try {
    const onRow = (row: Row) => {
      report.take(row);
      figures.take(row);
      after?.onRow(row);
    };
    await session.runFiles(message.text, onRow, (notice) => {
      // The whole message is parsed before its first unit runs.
      const at = notice.code === identifierCut ? undefined : units[report.durations.length];
      const scripts = at === undefined ? units.map(({ script }) => script) : [at.script];
      context.onNotice(notice, { ...(at ?? last).schema, scripts });
    });
    const alone = parts.length === 1;
    const changes = await changesOutside(session, report.sightings, { ...place, alone });
    if (changes.what.length > 0) {
      const trespass = { ...place, ...changes, scripts: guarded, state: 'rolled back' };
      return { kind: 'failed', error: trespassError(trespass) };
    }
    const offset = units.length - last.scripts.length;
    return {
      kind: 'done',
      applied: last.scripts.map(({ migration }, i) =>
        appliedMigration(migration, report.durations[offset + i]),
      ),
      locks: await onExisting(session, report.locks),
    };
  } catch (error) {
    const attempt = attemptOf(error, place);
    if (attempt.kind !== 'failed' || !isServerError(error)) return attempt;
    const described = await describeRehearsed(session, error, { units, message, place, report });
    return described === null ? attempt : { kind: 'failed', error: described };
  }
}

type RehearsalReport = ReturnType<typeof createRehearsalReport>;

/** Collects the rows that a rehearsal reports. */
function createRehearsalReport() {
  const durations: number[] = [];
  const locks: (TakenLock & { readonly id: string })[] = [];
  const sightings = createSightings();
  let begun = 0;
  return {
    durations,
    locks,
    sightings,
    /** The unit (from 0) that began and has not ended; `null` between two units. */
    running: () => (begun > durations.length ? durations.length : null),
    take(row: Row) {
      if (begunColumn in row) begun += 1;
      const reported = durationOf(row);
      if (reported !== null) durations.push(reported.ms);
      if ('sqlmig_lock' in row) locks.push(toLock(row));
      sightings.take(row);
    },
  };
}

/** The error for a file of a rehearsal that failed; `null` if no file did. */
async function describeRehearsed(
  session: Session,
  error: ServerError,
  {
    units,
    message,
    place,
    report,
  }: {
    readonly units: readonly Unit[];
    readonly message: Message;
    readonly place: UnitPlace;
    readonly report: RehearsalReport;
  },
): Promise<SqlmigError | null> {
  const running = units[report.running() ?? -1];
  if (running !== undefined && missesHistory(error, running)) return historyError(running, error);
  const at = positionOf(error, message);
  const culprit = units[at?.unit ?? report.durations.length];
  if (culprit === undefined) return null;
  // A replay of the file alone would not find what the files before it created.
  const raised = { error, index: at?.index ?? null, replay: null };
  return describeFailure(session, { ...culprit, ...place }, raised);
}

/** The schemas among the names that files may change outside of their schema. */
async function schemasNamed(
  session: Session,
  { schema, scripts }: PendingFiles,
  context: UnitContext,
): Promise<ReadonlySet<string>> {
  const names = new Set(scripts.flatMap((script) => namedOutside({ script, schema, context })));
  return new Set((await findSchemas(session, [...names], context.table)).keys());
}

/** The schemas to compare that exist before the last part: no file may change them. */
async function schemasBefore(
  session: Session,
  parts: Rehearsal['parts'],
  { guarded, context }: { readonly guarded: readonly Script[]; readonly context: UnitContext },
): Promise<string[]> {
  const last = parts.at(-1) as PendingFiles;
  if (last.schema.scope !== 'tenant') return [];
  const names = schemasToCompare(guarded, { schema: last.schema, context });
  const present = await findSchemas(session, names, context.table);
  const before = parts.slice(0, -1).flatMap(({ scripts }) => scripts.flatMap(({ statements }) => statements));
  const made = new Set([context.publicSchema, ...before.flatMap(({ reach }) => [...reach.words])]);
  return names.filter((name) => present.has(name) || made.has(name));
}

function toLock(row: Row): TakenLock & { readonly id: string } {
  const { sqlmig_lock: id, schema, relation, mode } = row;
  return { id: String(id), schema: String(schema), relation: String(relation), mode: String(mode) };
}

/** The locks on relations that the rehearsal did not create. */
async function onExisting(
  session: Session,
  locks: readonly (TakenLock & { id: string })[],
): Promise<TakenLock[]> {
  const relations = await readRelations(session, new Set(locks.map(({ id }) => id)));
  return locks
    .filter(({ id }) => relations.has(id))
    .map(({ schema, relation, mode }) => ({ schema, relation, mode }));
}
