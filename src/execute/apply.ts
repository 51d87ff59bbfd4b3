import type { RetryReason } from '../decide/retry.ts';
import { SqlmigError, sqlstates, unitStates } from '../errors.ts';
import type { HistoryRow } from '../history/row.ts';
import { historyKey } from '../project/order.ts';
import { canonicalVersion } from '../project/version.ts';
import { composeBootstrap } from '../protocol/bootstrap.ts';
import { isCatalogRace } from '../protocol/catalog-key.ts';
import { durationOf, recordDurations, recordedByRun, recordedColumn } from '../protocol/durations.ts';
import { composeUnits, composeUpgrade } from '../protocol/message.ts';
import type { Message } from '../protocol/message-text.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import { release, waitedColumn, waitingColumn } from '../protocol/unit-locks.ts';
import { begunColumn } from '../protocol/unit-row.ts';
import { begin } from '../protocol/unit-settings.ts';
import type { AppliedMigration } from '../results.ts';
import { identifierCut } from '../server/notice.ts';
import { isServerError, type ServerError } from '../server/server-error.ts';
import { type Row, type Session, SessionLost } from '../server/session.ts';
import type { Migration, Script } from '../sql/migration.ts';
import type { Attempt } from './attempt.ts';
import { asSqlmigError, describeFailure, positionOf } from './failure.ts';
import { historyError, missesHistory } from './history-error.ts';
import { probe } from './probe.ts';

// One message a schema while it stays small: a message is held in memory here and on the server.
const maxUnits = 100;
const maxLength = 256 * 1024;
// What a statement of a file met: the error is the file's, with its place.
const filesOwn: ReadonlySet<RetryReason> = new Set(['lock-wait', 'shared-rows']);
// A failed file is run again to find its statement only if that costs little.
const replayWithinMs = 10_000;

/** Applies scripts to a schema in order, joined in as few messages as may be. Never throws. */
export async function applyUnits(
  session: Session,
  schema: UnitSchema,
  scripts: readonly Script[],
  bootstrap: boolean,
  shared: UnitContext,
  signal: AbortSignal,
): Promise<Attempt> {
  const context = { ...shared, ownSession: session.hasSettings };
  let now = schema;
  let open = scripts;
  let unitsAtOnce = maxUnits;
  const trusted = new Set<Script>();
  const durations = new Map<string, number>();
  try {
    if (bootstrap && !signal.aborted) now = await create(session, schema, context);
    // A non-transactional file, whose own statements come next, has no message to go along with.
    if (scripts.length === 0 && !bootstrap && !schema.isCurrent)
      await session.run(composeUpgrade(schema, context));
    while (open.length > 0) {
      if (signal.aborted) {
        return { kind: 'failed', error: new SqlmigError('interrupted', 'the run was interrupted') };
      }
      const batch = nextBatch(open, unitsAtOnce);
      const message = composeUnits({ schema: now, scripts: batch, trusted }, context);
      const seen: Seen = { waiting: false, begun: null, durations: new Map() };
      const started = performance.now();
      try {
        await send(session, message, seen, { batch, schema: now, context });
        for (const [key, ms] of seen.durations) durations.set(key, ms);
        now = after(now, batch);
        open = open.slice(batch.length);
      } catch (error) {
        if (!isServerError(error)) throw error;
        if (context.ownSession) await session.run(release);
        if (signal.aborted) throw error;
        const again = againReason(error, schema, context, seen);
        if (again !== null && !filesOwn.has(again)) return putOff(again, error, schema);
        const first = await countCommitted(session, batch, now, context, durations);
        now = after(now, batch.slice(0, first));
        if (unitRefusalOf(error)?.state === unitStates.suspicious) {
          open = open.slice(first);
          const [suspect] = open;
          if (suspect === undefined) throw error;
          const trespass = await probe(session, suspect, now, context);
          if (trespass !== null) return { kind: 'failed', error: trespass };
          trusted.add(suspect);
          continue;
        }
        const culprit = batch[first];
        const began = culprit !== undefined && seen.begun === historyKey(culprit.migration);
        if (began && missesHistory(error, culprit, now, context)) {
          return { kind: 'failed', error: historyError(culprit, now, context, error) };
        }
        const at = positionOf(error, message);
        if (isOurs(error, at, context, began)) throw error;
        if (at !== null && at.unit > first && again === null) {
          // The server refused the text before it ran any of it: what stands before the culprit goes first.
          open = open.slice(first);
          unitsAtOnce = 1;
          continue;
        }
        const replayable = again === null && performance.now() - started < replayWithinMs;
        const failure = { error, script: batch[at?.unit ?? first], index: at?.index ?? null, replayable };
        const described = await describeFailure(session, failure, now, context);
        return again === null
          ? { kind: 'failed', error: described }
          : { kind: 'again', reason: again, error: described };
      }
    }
    return {
      kind: 'done',
      applied: scripts.map((script) =>
        applied(script.migration, durations.get(historyKey(script.migration))),
      ),
    };
  } catch (error) {
    return attemptOf(error, schema, context);
  }
}

/** What a message has told so far. */
interface Seen {
  /** True while a public unit waits for its locks. */
  waiting: boolean;
  /** The history key of the file that began last; `null` before the first one. */
  begun: string | null;
  /** How long migrations took, by history key; told before the commit of the last of them. */
  readonly durations: Map<string, number>;
}

/** Creates schema and history table, and knows the schema by its OID from then on. */
async function create(session: Session, schema: UnitSchema, context: UnitContext): Promise<UnitSchema> {
  const [row] = await session.run(composeBootstrap(schema.schema, context, schema.oid));
  return { ...schema, oid: schema.oid ?? (typeof row?.oid === 'string' ? row.oid : null) };
}

/** A schema after scripts were applied to it. */
export function after(schema: UnitSchema, scripts: readonly Script[]): UnitSchema {
  if (scripts.length === 0) return schema;
  return { ...schema, history: afterwards(schema.history, scripts), digest: null, isCurrent: true };
}

/** What a broken connection or a refusal of sqlmig's own statements means for a schema. Throws what is neither. */
export function attemptOf(
  error: unknown,
  schema: UnitSchema,
  context: UnitContext,
  seen?: Pick<Seen, 'waiting'>,
): Attempt {
  const ours = asSqlmigError(error, schema.schema);
  if (error instanceof SessionLost) return { kind: 'again', reason: 'lost', error: ours };
  const again = isServerError(error) ? againReason(error, schema, context, seen) : null;
  if (again === null || !isServerError(error)) return { kind: 'failed', error: ours };
  return putOff(again, error, schema);
}

function putOff(reason: RetryReason, error: ServerError, { schema }: UnitSchema): Attempt {
  const { state, message } = unitRefusalOf(error) ?? { state: null, message: error.message };
  const busy = reason === 'busy' || reason === 'waited';
  const code = reason === 'public' ? 'public-behind' : busy ? 'lock-timeout' : 'migration-failed';
  const extra = { schema, sqlstate: state ?? error.code, cause: error };
  return { kind: 'again', reason, error: new SqlmigError(code, message, extra) };
}

/** True where a statement of sqlmig's own was refused, and not one of a file; `began`: the file had begun. */
function isOurs(error: ServerError, at: object | null, { table }: UnitContext, began: boolean): boolean {
  if (error.position !== undefined) return at === null;
  const rights: string[] = [sqlstates.insufficientPrivilege, sqlstates.undefinedTable];
  return (
    (!began && rights.includes(error.code) && error.message.includes(table)) ||
    error.code === sqlstates.readOnly
  );
}

function nextBatch(scripts: readonly Script[], most: number): readonly Script[] {
  let length = 0;
  const end = scripts.findIndex((script, i) => {
    length += script.text.length;
    return i > 0 && (i >= most || length > maxLength);
  });
  return end === -1 ? scripts : scripts.slice(0, end);
}

/** What a message is made of. */
interface Sent {
  readonly batch: readonly Script[];
  readonly schema: UnitSchema;
  readonly context: UnitContext;
}

async function send(
  session: Session,
  message: Message,
  seen: Seen,
  { batch, schema, context }: Sent,
): Promise<void> {
  const byKey = new Map(batch.map((script) => [historyKey(script.migration), script]));
  let running: readonly Script[] = batch;
  const take = (row: Row) => {
    if (waitingColumn in row) seen.waiting = true;
    if (waitedColumn in row) seen.waiting = false;
    if (begunColumn in row) {
      seen.begun = String(row[begunColumn]);
      const begun = byKey.get(seen.begun);
      running = begun === undefined ? batch : [begun];
    }
    takeDuration(row, seen.durations);
  };
  await session.run(message.text, take, (notice) => {
    // The whole message is parsed before its first unit runs.
    context.onNotice(notice, { ...schema, scripts: notice.code === identifierCut ? batch : running });
  });
}

function takeDuration(row: Row, durations: Map<string, number>): void {
  const told = durationOf(row);
  if (told !== null) durations.set(told.key, told.ms);
}

/** How many units of a message that failed are committed; their durations are noted. */
async function countCommitted(
  session: Session,
  batch: readonly Script[],
  schema: UnitSchema,
  context: UnitContext,
  durations: Map<string, number>,
): Promise<number> {
  const note = `${begin(context)}${recordDurations(schema, context)}${recordedByRun(schema, context)}COMMIT`;
  const committed = new Set<unknown>();
  await session.run(note, (row) => {
    takeDuration(row, durations);
    if (recordedColumn in row) committed.add(row[recordedColumn]);
  });
  const first = batch.findIndex(({ migration }) => !committed.has(historyKey(migration)));
  return first === -1 ? batch.length : first;
}

/** A migration with the duration that its row has. */
export function applied(
  { version, name }: Pick<Migration, 'version' | 'name'>,
  durationMs = 0,
): AppliedMigration {
  return { version, name, durationMs };
}

/** A history after scripts were applied. */
function afterwards(history: readonly HistoryRow[], scripts: readonly Script[]): HistoryRow[] {
  const rows = new Map(history.map((row) => [historyKey(row), row]));
  for (const { migration } of scripts) {
    const version = migration.version === null ? null : canonicalVersion(migration.version);
    rows.set(historyKey(migration), {
      version,
      name: migration.name,
      checksum: migration.checksum,
      state: 'applied',
    });
  }
  return [...rows.values()];
}

function againReason(
  error: ServerError,
  schema: UnitSchema,
  context: UnitContext,
  seen?: Pick<Seen, 'waiting'>,
): RetryReason | null {
  switch (unitRefusalOf(error)?.state ?? error.code) {
    case unitStates.schemaBusy:
    case unitStates.fleetBusy:
    case unitStates.sharedBusy:
      return 'busy';
    case unitStates.publicBehind:
      return 'public';
    case unitStates.historyChanged:
    case unitStates.schemaMissing:
      return 'stale';
    case unitStates.lockLost:
      return 'lost';
    case sqlstates.lockNotAvailable:
      return seen?.waiting === true ? 'waited' : 'lock-wait';
    case sqlstates.deadlockDetected:
    case sqlstates.insufficientResources:
      return 'lock-wait';
    case sqlstates.uniqueViolation:
      // The second fence: somebody recorded this migration although the lock says nobody could.
      if (error.schema_name === schema.schema && error.table_name === context.table) return 'stale';
      return isCatalogRace(error) ? 'shared-rows' : null;
    default:
      return isCatalogRace(error) ? 'shared-rows' : null;
  }
}
