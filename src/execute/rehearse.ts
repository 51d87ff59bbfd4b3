import { locationIn, SqlmigError, sqlstates } from '../errors.ts';
import { findSchemas } from '../history/presence.ts';
import { durationOf } from '../protocol/durations.ts';
import { composeRehearsal, type RehearsalPart } from '../protocol/message.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import { begunColumn } from '../protocol/unit-row.ts';
import type { TakenLock } from '../results.ts';
import { identifierCut } from '../server/notice.ts';
import { isServerError } from '../server/server-error.ts';
import type { Row, Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { applied, attemptOf } from './apply.ts';
import type { Attempt } from './attempt.ts';
import { describeFailure, positionOf } from './failure.ts';
import { historyError, missesHistory } from './history-error.ts';
import { createSightings, judge, schemasToCompare } from './probe.ts';
import { trespassError } from './scope-guard.ts';

/**
 * Runs the pending files of the last part, after those of the parts before it, for real, and rolls all of it back.
 * `before` is SQL that stands before all of it. Gives what would have been applied, with durations and the locks that others would have felt.
 */
export async function rehearseUnits(
  session: Session,
  parts: readonly [...RehearsalPart[], RehearsalPart],
  context: UnitContext,
  before = '',
): Promise<Attempt> {
  const last = parts.at(-1) as RehearsalPart;
  const units = parts.flatMap(({ schema, scripts: own }) => own.map((script) => ({ schema, script })));
  const scripts = units.map(({ script }) => script);
  const guarded = last.scripts.filter((script) => !script.allowsPublic);
  const compared = guarded.length > 0 ? await schemasBefore(session, parts, guarded, context) : [];
  const message = composeRehearsal(parts, context, { compared, before });
  const durations: number[] = [];
  let begun = 0;
  const locks: (TakenLock & { readonly id: string })[] = [];
  const seen = createSightings();
  try {
    const take = (row: Row) => {
      if (begunColumn in row) begun += 1;
      const told = durationOf(row);
      if (told !== null) durations.push(told.ms);
      if ('sqlmig_lock' in row) locks.push(toLock(row));
      seen.take(row);
    };
    await session.run(message.text, take, (notice) => {
      // The whole message is parsed before its first unit runs.
      const at = notice.code === identifierCut ? undefined : units[durations.length];
      context.onNotice(notice, { ...(at ?? last).schema, scripts: at === undefined ? scripts : [at.script] });
    });
    const { what, inPublic } = await judge(session, seen, last.schema, context, parts.length === 1);
    if (what.length > 0) {
      const { schema } = last;
      const trespass = { scripts: guarded, what, inPublic, schema, publicSchema: context.publicSchema };
      return { kind: 'failed', error: trespassError({ ...trespass, state: 'rolled back' }) };
    }
    const offset = scripts.length - last.scripts.length;
    return {
      kind: 'done',
      applied: last.scripts.map(({ migration }, i) => applied(migration, durations[offset + i])),
      locks: await existing(session, locks),
    };
  } catch (error) {
    const attempt = attemptOf(error, last.schema, context);
    if (attempt.kind !== 'failed' || !isServerError(error)) return attempt;
    const culprit = begun > durations.length ? units[durations.length] : undefined;
    if (culprit !== undefined && missesHistory(error, culprit.script, culprit.schema, context)) {
      return { kind: 'failed', error: historyError(culprit.script, culprit.schema, context, error) };
    }
    const at = positionOf(error, message);
    const failure = {
      error,
      script: scripts[at?.unit ?? durations.length],
      index: at?.index ?? null,
      // A file alone would not find what the files before it made.
      replayable: false,
    };
    const described = await describeFailure(session, failure, last.schema, context);
    return {
      kind: 'failed',
      error: error.code === sqlstates.unsafeNewEnumValue ? onlyHere(described) : described,
    };
  }
}

/** The schemas to look at that are there before the last part: one that its files make themselves is nobody's yet. */
async function schemasBefore(
  session: Session,
  parts: readonly [...RehearsalPart[], RehearsalPart],
  guarded: readonly Script[],
  context: UnitContext,
): Promise<string[]> {
  const last = parts.at(-1) as RehearsalPart;
  if (last.schema.scope !== 'tenant') return [];
  const names = schemasToCompare(guarded, last.schema, context);
  const present = await findSchemas(session, names, context.table);
  const before = parts.slice(0, -1).flatMap(({ scripts }) => scripts.flatMap(({ statements }) => statements));
  const made = new Set([context.publicSchema, ...before.flatMap(({ reach }) => [...reach.words])]);
  return names.filter((name) => present.has(name) || made.has(name));
}

function onlyHere({ code, details, cause }: SqlmigError): SqlmigError {
  return new SqlmigError(code, `${details.message}, in the one transaction of a rehearsal`, {
    ...details,
    location: locationIn(details),
    hint: 'up itself commits the file that adds the value first, so there this works',
    cause,
  });
}

function toLock(row: Row): TakenLock & { readonly id: string } {
  const { sqlmig_lock: id, schema, relation, mode } = row;
  return { id: String(id), schema: String(schema), relation: String(relation), mode: String(mode) };
}

/** The locks on what is there without the rehearsal. */
async function existing(
  session: Session,
  locks: readonly (TakenLock & { id: string })[],
): Promise<TakenLock[]> {
  if (locks.length === 0) return [];
  const ids = locks.map((lock) => lock.id).join(', ');
  const rows = await session.read(`select oid::text as id from pg_catalog.pg_class where oid in (${ids})`);
  const there = new Set(rows.map((row) => row.id));
  return locks
    .filter(({ id }) => there.has(id))
    .map(({ schema, relation, mode }) => ({ schema, relation, mode }));
}
