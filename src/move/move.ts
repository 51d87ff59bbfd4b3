import { readAdoption } from '../adopt/import-histories.ts';
import type { ImportProposal } from '../adopt/import-proposals.ts';
import { SqlmigError, sqlstates } from '../errors.ts';
import { type Attempt, attemptOf } from '../execute/attempt.ts';
import { asSqlmigError } from '../execute/failure.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { parseMigrations } from '../project/migrations.ts';
import type { Adoption } from '../protocol/adoption.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import { schemaReplaced } from '../protocol/unit-checks.ts';
import { takeLocks } from '../protocol/unit-locks.ts';
import { begin } from '../protocol/unit-settings.ts';
import { errorOfRepair, type Repair, repairSchemas, watchWait } from '../repair/repair.ts';
import type { ErrorDetails } from '../results.ts';
import { SessionLost } from '../server/answer.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';
import type { Target } from '../state/target.ts';
import type { MoveWay } from './compose.ts';
import { everyItem } from './kept.ts';
import {
  checkMoved,
  enlistMoved,
  type MoveParts,
  moveObjects,
  readBefore,
  settleHistories,
  settleSurroundings,
} from './steps.ts';
import { readSurroundings } from './surroundings.ts';

/** A move that took place, or was rehearsed. */
export interface MoveMeasures {
  readonly way: MoveWay;
  readonly tries: number;
  /** The duration of the last try, from its first lock on the schema to its end. */
  readonly durationMs: number;
  /** All locks held at the end, and the exclusive ones among them on relations. */
  readonly locks: number;
  readonly exclusiveLocks: number;
}

/** How a move ended. */
export type MoveEnd =
  | { readonly state: 'done'; readonly measured: MoveMeasures }
  /** `cannotRename`: the server refused the renaming, and moving may work. */
  | { readonly state: 'failed'; readonly error: ErrorDetails; readonly cannotRename: boolean };

/** How to move, and whether to commit. */
export interface MoveChoice {
  readonly way: MoveWay;
  readonly commit: boolean;
}

const mostTries = 50;
const longestWaitMs = 150;

/**
 * Moves public in one transaction under the locks of a public file. A lock that is not free within 150 ms rolls the
 * try back, up to fifty times; the table is locked first in the next one.
 */
export async function movePublic(
  migrationRun: MigrationRun,
  target: Target,
  { parts, choice }: { readonly parts: MoveParts; readonly choice: MoveChoice },
): Promise<MoveEnd> {
  const { run, source } = migrationRun;
  const { imports } = parts.histories;
  const files = [imports.public, imports.tenant].flatMap(
    (proposal) => proposal?.share.applied.map(({ migration }) => migration) ?? [],
  );
  const scripts = await parseMigrations(files, source.migrations, { mayLackValues: true });
  const adopting = async (session: Session, proposal: ImportProposal | null, now: Target | null) =>
    proposal === null
      ? null
      : readAdoption(
          session,
          { ...proposal, target: now ?? proposal.target },
          { rules: parts.rules, scripts },
        );
  const mover = createMover(migrationRun, parts, choice);
  const repair: Repair = {
    hasWork: () => mover.done() === null,
    openSession: () => run.openSession(),
    schemaRefusal: ({ trouble }) => (trouble?.code === 'foreign-history' ? null : trouble),
    attempt: (session, now) =>
      mover.attempt(session, now, async () => ({
        public: await adopting(session, imports.public, now),
        tenant: await adopting(session, imports.tenant, null),
      })),
  };
  const outcomes = await repairSchemas(migrationRun, [target], repair);
  const measured = mover.done();
  if (measured !== null) return { state: 'done', measured };
  return { state: 'failed', error: errorOfRepair(outcomes), cannotRename: mover.cannotRename() };
}

interface Adoptions {
  readonly public: Adoption | null;
  readonly tenant: Adoption | null;
}

/** The progress of the tries. */
interface Progress {
  tries: number;
  phase: 'before' | 'moving' | 'after' | 'committing';
  measured: MoveMeasures | null;
  cannotRename: boolean;
  /** Tables to lock first. */
  readonly order: string[];
}

interface MoveAttempt {
  readonly session: Session;
  readonly target: Target;
  readonly parts: MoveParts;
  readonly choice: MoveChoice;
}

function createMover({ settings: { signal } }: MigrationRun, parts: MoveParts, choice: MoveChoice) {
  const progress: Progress = { tries: 0, phase: 'before', measured: null, cannotRename: false, order: [] };
  return {
    done: () => progress.measured,
    cannotRename: () => progress.cannotRename,
    async attempt(session: Session, target: Target, read: () => Promise<Adoptions>): Promise<Attempt> {
      if (await isCommitted(session, parts, progress)) {
        progress.measured = {
          way: choice.way,
          tries: progress.tries,
          durationMs: 0,
          locks: 0,
          exclusiveLocks: 0,
        };
        return { kind: 'done', applied: [] };
      }
      for (;;) {
        if (signal.aborted) return { kind: 'stopped' };
        const wait = watchWait();
        progress.tries += 1;
        try {
          await tryOnce({ session, target, parts, choice }, progress, { adoptions: await read(), wait });
          return { kind: 'done', applied: [] };
        } catch (error) {
          const end = await afterError(error, { session, target, parts, choice }, { progress, wait });
          if (signal.aborted && isServerError(error)) return { kind: 'stopped' };
          if (end !== null) return end;
          await pause(50 + Math.random() * 100);
        }
      }
    },
  };
}

/** True if the last try was committed although its connection was lost. */
async function isCommitted(session: Session, { found }: MoveParts, progress: Progress): Promise<boolean> {
  if (progress.phase !== 'committing') return false;
  const [row] = await session.read(
    `select to_regnamespace(quote_ident(${quoteLiteral(found.wish.as)})) is not null as there`,
  );
  return row?.there === true;
}

async function tryOnce(
  { session, target, parts: planned, choice: { way, commit } }: MoveAttempt,
  progress: Progress,
  { adoptions, wait }: { readonly adoptions: Adoptions; readonly wait: ReturnType<typeof watchWait> },
): Promise<void> {
  progress.phase = 'before';
  const parts = await withSurroundings(session, planned);
  await session.run(opening(target, parts), wait.onRow);
  const before = await readBefore(session, parts);
  const from = performance.now();
  progress.phase = 'moving';
  await moveObjects(session, parts, { way, first: progress.order });
  progress.phase = 'after';
  await settleSurroundings(session, parts, way);
  await checkMoved(session, parts, before);
  await settleHistories(session, parts, adoptions);
  await enlistMoved(session, parts);
  const [held] = await session.run(heldLocks);
  if (commit) progress.phase = 'committing';
  await session.run(commit ? 'COMMIT' : 'ROLLBACK');
  progress.measured = {
    way,
    tries: progress.tries,
    durationMs: Math.round(performance.now() - from),
    locks: Number(held?.locks),
    exclusiveLocks: Number(held?.exclusive),
  };
}

/** Reads the surroundings again: they may have changed while the plan was accepted. */
async function withSurroundings(session: Session, parts: MoveParts): Promise<MoveParts> {
  const { schema, as } = parts.found.wish;
  const surroundings = await readSurroundings(session, schema, as);
  return { ...parts, found: { ...parts.found, surroundings } };
}

/** What an error of a try means; `null` for another try. */
async function afterError(
  error: unknown,
  { session, target, parts, choice }: MoveAttempt,
  { progress, wait }: { readonly progress: Progress; readonly wait: ReturnType<typeof watchWait> },
): Promise<Attempt | null> {
  const place = { schema: unitSchema(target, null), context: parts.context };
  if (error instanceof SessionLost) return attemptOf(error, place, wait.isWaiting());
  if (!isServerError(error)) {
    await session.run('ROLLBACK');
    if (error instanceof SqlmigError) return { kind: 'failed', error };
    throw error;
  }
  const { phase, tries, order } = progress;
  const isLock = error.code === sqlstates.lockNotAvailable || error.code === sqlstates.deadlockDetected;
  if (isLock && phase !== 'before' && tries < mostTries) {
    lockNext(order, error);
    return null;
  }
  if (phase === 'before' || unitRefusalOf(error) !== null) return attemptOf(error, place, wait.isWaiting());
  progress.cannotRename = choice.way === 'rename' && phase === 'moving' && !isLock;
  return { kind: 'failed', error: isLock ? inUse(error, parts) : refused(error, parts) };
}

function opening(target: Target, { context, found }: MoveParts): string {
  const unit = unitSchema(target, null);
  const locks = takeLocks(unit, context, { activity: 'adopt', checks: [schemaReplaced(unit)] });
  const waitMs = Math.max(10, Math.min(longestWaitMs, Math.floor(found.surroundings.deadlockMs / 2)));
  return `${begin(context)}${locks}SET LOCAL lock_timeout = '${waitMs}ms';\nSET LOCAL row_security = off;\n`;
}

const heldLocks = `select count(*)::int as locks, count(*) filter (where locktype = 'relation' and mode = 'AccessExclusiveLock' and relation >= 16384)::int as exclusive
from pg_locks where pid = pg_backend_pid() and locktype <> 'virtualxid'`;

/** Moves the table that was in use to the front, so that the next try locks it first. */
function lockNext(order: string[], { detail }: ServerError): void {
  if (detail === undefined || !/^\d+$/.test(detail)) return;
  const at = order.indexOf(detail);
  if (at !== -1) order.splice(at, 1);
  order.unshift(detail);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

function inUse(error: ServerError, { found }: MoveParts): SqlmigError {
  const item = everyItem(found.division).find(({ id }) => id.endsWith(`:${error.detail}`));
  const what = item === undefined ? 'an object' : `${item.kind} ${item.identity}`;
  return new SqlmigError('lock-timeout', `${what} was in use in each of ${mostTries} tries`, {
    schema: found.wish.schema,
    state: 'nothing was changed',
    hint: 'end the transactions that use it (see pg_stat_activity), and run the command again',
    cause: error,
  });
}

function refused(error: ServerError, { found }: MoveParts): SqlmigError {
  const { details } = asSqlmigError(error, found.wish.schema);
  return new SqlmigError('server-refused', error.message, {
    schema: found.wish.schema,
    sqlstate: error.code,
    state: 'nothing was changed',
    hint: details.hint ?? 'use a role that may do this',
    cause: error,
  });
}
