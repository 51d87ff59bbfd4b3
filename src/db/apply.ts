import type postgres from 'postgres';
import { historyKey } from '../core/plan.ts';
import { canonicalVersion } from '../core/version.ts';
import { SqlmigError, sqlstates } from '../errors.ts';
import type { AppliedMigration, HistoryRow, Migration, Script } from '../model.ts';
import type { AgainReason, Attempt } from './attempt.ts';
import { asSqlmigError, describeFailure, positionOf } from './failure.ts';
import { readRows } from './history.ts';
import { composeBootstrap, composeUnits, type Message } from './message.ts';
import { judgeRefusal } from './scope-guard.ts';
import { isServerError, type Session, SessionLost } from './session.ts';
import { type UnitFrame, type UnitSchema, unitStates } from './unit.ts';

// One message a schema while it stays small: a message is held in memory here and on the server.
const maxUnits = 50;
const maxLength = 256 * 1024;
// A failed file is run again to find its statement only if that costs little.
const replayWithinMs = 10_000;

/** Applies scripts to a schema in order, joined in as few messages as may be. Never throws. */
export async function applyUnits(
  session: Session,
  schema: UnitSchema,
  scripts: readonly Script[],
  bootstrap: boolean,
  frame: UnitFrame,
  signal: AbortSignal,
): Promise<Attempt> {
  let now = schema;
  let open = scripts;
  let unitsAtOnce = maxUnits;
  let durations = new Map<string, number>();
  try {
    if (bootstrap && !signal.aborted) await session.run(composeBootstrap(schema.schema, frame));
    while (open.length > 0) {
      if (signal.aborted) {
        return { kind: 'failed', error: new SqlmigError('interrupted', 'the run was interrupted') };
      }
      const batch = nextBatch(open, unitsAtOnce);
      const message = composeUnits(batch, now, frame);
      const started = performance.now();
      try {
        durations = await send(session, message);
        now = { ...now, history: afterwards(now.history, batch) };
        open = open.slice(batch.length);
      } catch (error) {
        if (!isServerError(error) || signal.aborted) throw error;
        const again = againReason(error, schema, frame);
        if (again !== null && again !== 'lock-wait') throw error;
        const rows = await readRows(session, schema.schema, frame.table);
        const first = batch.findIndex((script) => !isRecorded(script.migration, rows));
        if (error.code === unitStates.publicChanged) {
          return await judgeRefusal(session, error, batch[first], schema, frame);
        }
        const at = positionOf(error, message);
        if (isOurs(error, at, frame)) throw error;
        if (at !== null && at.unit > first && again === null) {
          // The server refused the text before it ran any of it: what stands before the culprit goes first.
          now = { ...now, history: rows };
          open = open.slice(first);
          unitsAtOnce = 1;
          continue;
        }
        const replayable = again === null && performance.now() - started < replayWithinMs;
        const script = batch[at?.unit ?? Math.max(first, 0)];
        const failure = { error, script, index: at?.index ?? null, replayable };
        const described = await describeFailure(session, failure, { ...now, history: rows }, frame);
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
    return attemptOf(error, schema, frame);
  }
}

/** What a broken connection or a refusal of sqlmig's own statements means for a schema. Throws what is neither. */
export function attemptOf(error: unknown, schema: UnitSchema, frame: UnitFrame): Attempt {
  const ours = asSqlmigError(error, schema.schema);
  if (error instanceof SessionLost) return { kind: 'again', reason: 'lost', error: ours };
  const again = isServerError(error) ? againReason(error, schema, frame) : null;
  if (again === null || !isServerError(error)) return { kind: 'failed', error: ours };
  return { kind: 'again', reason: again, error: ownError(error, schema) };
}

/** True where a statement of sqlmig's own was refused, and not one of a file. */
function isOurs(error: postgres.PostgresError, at: object | null, { table }: UnitFrame): boolean {
  if (error.position !== undefined) return at === null;
  const rights: string[] = [sqlstates.insufficientPrivilege, sqlstates.undefinedTable];
  return (rights.includes(error.code) && error.message.includes(table)) || error.code === sqlstates.readOnly;
}

function nextBatch(scripts: readonly Script[], most: number): readonly Script[] {
  let length = 0;
  const end = scripts.findIndex((script, i) => {
    length += script.text.length;
    return i > 0 && (i >= most || length > maxLength);
  });
  return end === -1 ? scripts : scripts.slice(0, end);
}

async function send(session: Session, message: Message): Promise<Map<string, number>> {
  const durations = new Map<string, number>();
  await session.run(message.text, (row) => {
    if (typeof row.sqlmig_key === 'string') durations.set(row.sqlmig_key, Number(row.sqlmig_ms));
  });
  return durations;
}

/** A migration with the duration that its row has. */
export function applied({ version, name }: Migration, durationMs = 0): AppliedMigration {
  return { version, name, durationMs };
}

/** A history after scripts were applied. */
export function afterwards(history: readonly HistoryRow[], scripts: readonly Script[]): HistoryRow[] {
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

function isRecorded(migration: Migration, rows: readonly HistoryRow[]): boolean {
  const row = rows.find((candidate) => historyKey(candidate) === historyKey(migration));
  return row !== undefined && row.checksum === migration.checksum;
}

function againReason(
  error: postgres.PostgresError,
  schema: UnitSchema,
  frame: UnitFrame,
): AgainReason | null {
  switch (error.code) {
    case unitStates.schemaBusy:
      return 'busy';
    case unitStates.fleetBusy:
      return schema.scope === 'public' ? 'waited' : 'busy';
    case unitStates.publicBehind:
      return 'public';
    case unitStates.historyChanged:
    case unitStates.schemaMissing:
      return 'stale';
    case unitStates.lockLost:
      return 'lost';
    case sqlstates.lockNotAvailable:
    case sqlstates.deadlockDetected:
    case sqlstates.insufficientResources:
      return 'lock-wait';
    case sqlstates.uniqueViolation:
      // The second fence: somebody recorded this migration although the lock says nobody could.
      return error.schema_name === schema.schema && error.table_name === frame.table ? 'stale' : null;
    default:
      return null;
  }
}

function ownError(error: postgres.PostgresError, { schema }: UnitSchema): SqlmigError {
  const busy = error.code === unitStates.schemaBusy || error.code === unitStates.fleetBusy;
  const code =
    error.code === unitStates.publicBehind ? 'public-behind' : busy ? 'lock-timeout' : 'migration-failed';
  return new SqlmigError(code, error.message, { schema, sqlstate: error.code, cause: error });
}
