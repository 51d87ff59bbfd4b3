import { SqlmigError } from '../errors.ts';
import { type Attempt, appliedMigration, attemptOf } from '../execute/attempt.ts';
import { createFleet } from '../fleet/fleet.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { isGone } from '../fleet/outcome.ts';
import { composeEdit } from '../protocol/message.ts';
import { waitedColumn, waitingColumn } from '../protocol/unit-locks.ts';
import type { ErrorDetails, SchemaOutcome, Scope, ScopeName } from '../results.ts';
import { unitContext } from '../run/context.ts';
import type { Run } from '../run/run.ts';
import type { MigrateSettings } from '../run/run-options.ts';
import { type Row, SessionLost } from '../server/answer.ts';
import type { Session } from '../server/session.ts';
import { basisOf } from '../state/plan-source.ts';
import { rereadTarget, type Target } from '../state/target.ts';

/** What a repair did to one schema. */
export interface RepairedSchema {
  readonly database: string;
  readonly schema: string;
  readonly scope: ScopeName;
  /** `unchanged` if there was nothing left to repair. */
  readonly state: 'repaired' | 'unchanged' | 'failed';
  readonly error?: ErrorDetails;
}

/** How schemas are repaired. */
export interface Repair {
  /** True if a schema, as just read, needs the repair. */
  readonly hasWork: (target: Target) => boolean;
  /** Repairs one schema; never throws. */
  readonly attempt: (session: Session, target: Target) => Promise<Attempt>;
  readonly openSession: () => Promise<Session>;
  /** Why a schema must not be changed; by default, its trouble. */
  readonly schemaRefusal?: (target: Target) => SqlmigError | null;
  /** How many schemas to repair at once; one by default. */
  readonly concurrency?: number;
}

/**
 * Repairs schemas the way `up` migrates them: busy ones are retried until `waitForLockMs` have passed without progress,
 * and a failure affects only its own schema. Returns one outcome per schema, public first.
 */
export async function repairSchemas(
  { run, source, settings }: MigrationRun,
  targets: readonly Target[],
  { hasWork, attempt, openSession, schemaRefusal = ({ trouble }) => trouble, concurrency = 1 }: Repair,
): Promise<RepairedSchema[]> {
  const { config, runId, database } = run;
  const outcomes: SchemaOutcome[] = [];
  for (const scope of ['public', 'tenant'] satisfies Scope[]) {
    const basis = basisOf(source, scope);
    outcomes.push(
      ...(await createFleet({
        context: { runId, database, basis },
        openSession,
        concurrency,
        waitForLockMs: settings.waitForLockMs,
        blockersOf: () => [],
        hasWork,
        schemaRefusal,
        attempt,
        batches: null,
        rereadTarget: (session, schema) =>
          rereadTarget(run.readerOn(session), { schema, basis }, config.historyTable),
        isListed: async () => false,
        createsUnlisted: true,
        refreshGate: async () => {},
        ending: run.ending,
        signal: settings.signal,
        emit: (event) => {
          if (event.type !== 'schema-finished' && event.type !== 'migration-applied') settings.emit(event);
        },
      }).migrate(targets.filter((target) => target.scope === scope))),
    );
  }
  return outcomes.map(repaired);
}

function repaired(outcome: SchemaOutcome): RepairedSchema {
  const { database, schema, scope, migrations, error } = outcome;
  const isFailed = error !== undefined && !isGone(outcome);
  const reached = migrations.length > 0 ? 'repaired' : 'unchanged';
  const state = isFailed ? 'failed' : reached;
  return { database, schema, scope, state, ...(error && { error: withRepairHint(error) }) };
}

/** The hint of an interrupted run is `up`, which refuses a schema that still needs the repair. */
function withRepairHint(error: ErrorDetails): ErrorDetails {
  return error.code === 'interrupted' && error.statement === undefined
    ? { ...error, hint: 'sqlmig status shows what is still to be repaired' }
    : error;
}

/** A change to one history row: its migration, and the statement. */
export interface RowEdit {
  readonly version: string | null;
  readonly name: string;
  /** Must affect a row; if it does not, the history has changed since it was read. */
  readonly sql: string;
}

/** A repair that edits history rows under the locks of a unit. `edits` returns the edits for a schema as just read. */
export function rowRepair(
  run: Run,
  settings: MigrateSettings,
  edits: (target: Target) => readonly RowEdit[],
): Repair {
  const context = unitContext(run, { ...settings, sync: true });
  // Edits sent before the connection was lost may be committed; the schema, read again, then needs none.
  const sent = new Map<string, readonly RowEdit[]>();
  return {
    hasWork: (target) => edits(target).length > 0 || sent.has(target.schema),
    openSession: () => run.openSession(),
    async attempt(session, target) {
      const schema = unitSchema(target, null);
      const pending = edits(target);
      const wait = watchWait();
      try {
        const message = pending.map(({ sql }) => composeEdit(schema, sql, context)).join('');
        if (pending.length > 0) await session.run(message, wait.onRow);
        const before = sent.get(target.schema) ?? [];
        return { kind: 'done', applied: [...before, ...pending].map((edit) => appliedMigration(edit)) };
      } catch (error) {
        if (error instanceof SessionLost) sent.set(target.schema, pending);
        return attemptOf(error, { schema, context }, wait.isWaiting());
      }
    },
  };
}

/** Tracks whether a public unit is still waiting for its locks, by the rows of its message. */
export function watchWait(): { readonly onRow: (row: Row) => void; readonly isWaiting: () => boolean } {
  let waiting = false;
  return {
    onRow(row) {
      if (waitingColumn in row) waiting = true;
      if (waitedColumn in row) waiting = false;
    },
    isWaiting: () => waiting,
  };
}

/** The error of a repair of one schema that did not finish. */
export function errorOfRepair([outcome]: readonly RepairedSchema[]): ErrorDetails {
  return outcome?.error ?? new SqlmigError('internal-error', 'the work ended without an outcome').details;
}
