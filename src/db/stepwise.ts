import { randomBytes } from 'node:crypto';
import { historyKey } from '../core/plan.ts';
import { indexOfCodePoint, locate } from '../core/position.ts';
import { doBlock, quoteLiteral } from '../core/quote.ts';
import { SqlmigError } from '../errors.ts';
import type { Script } from '../model.ts';
import { applied, attemptOf } from './apply.ts';
import type { Attempt } from './attempt.ts';
import { describeFailure } from './failure.ts';
import { reachesOut } from './guard.ts';
import { historyTable } from './history.ts';
import { lockKey, lockObjects } from './keys.ts';
import { schemasToLookAt } from './probe.ts';
import { raise, unitStates } from './refusal.ts';
import { aimsOutside, trespassError, trespassesIn } from './scope-guard.ts';
import { isServerError } from './server-error.ts';
import { ownPath, type Session } from './session.ts';
import { readStructure } from './structure.ts';
import { checkLook, insertRow, rowOf } from './unit.ts';
import { searchPath, type UnitFrame, type UnitSchema } from './unit-frame.ts';
import { setOwnPath } from './unit-locks.ts';

/**
 * Applies one non-transactional script, statement by statement on a session that nobody else uses (lock-protocol 3.3):
 * session locks by try on the very connection that works, a `running` row with progress, and no `applied` while an
 * invalid index is left. With `resumeAt` the row is there already: it says, under the locks, which statement (from 0)
 * is the next.
 */
export async function applyStepwise(
  session: Session,
  script: Script,
  schema: UnitSchema,
  frame: UnitFrame,
  resumeAt: ((session: Session) => Promise<number>) | null = null,
): Promise<Attempt> {
  const token = randomBytes(8).toString('hex');
  try {
    await session.run(sessionSettings(script, schema, frame, token));
    try {
      if (!(await takeLocks(session, schema))) {
        const error = new SqlmigError('lock-timeout', 'another run is at work in this schema', {
          schema: schema.schema,
        });
        return { kind: 'again', reason: 'busy', error };
      }
      if (resumeAt !== null) {
        const from = await resumeAt(session);
        return await steps(session, script, schema, frame, token, from, new Set());
      }
      const before = await invalidIndexes(session, schema.schema);
      await session.run(begin(script, schema, frame));
      return await steps(session, script, schema, frame, token, 0, before);
    } finally {
      if (!session.lost) await session.run(cleanUp);
    }
  } catch (error) {
    return attemptOf(error, schema, frame);
  }
}

async function steps(
  session: Session,
  script: Script,
  schema: UnitSchema,
  frame: UnitFrame,
  token: string,
  from: number,
  before: ReadonlySet<string>,
): Promise<Attempt> {
  const started = performance.now();
  const trespass = { scripts: [script], schema, publicSchema: frame.publicSchema };
  for (const [k, statement] of script.statements.entries()) {
    if (k < from) continue;
    const aim = await aimsOutside(session, statement, script, schema, frame);
    if (aim !== null) {
      if (k === 0) await forget(session, script, schema, frame);
      const state = k === 0 ? 'not touched' : keptBefore(k);
      const what = [`is about ${aim.name}`];
      return { kind: 'failed', error: trespassError({ ...trespass, ...aim, what, state }) };
    }
    const looks =
      script.allowsPublic || !reachesOut(statement, schema) ? [] : schemasToLookAt([script], schema, frame);
    const outside = await readStructure(session, looks);
    await session.run(progress(script, schema, frame, token, `at_statement = ${k + 1}`));
    try {
      await session.run(script.text.slice(statement.start, statement.end));
    } catch (error) {
      if (!isServerError(error)) throw error;
      return failedAt(session, script, schema, frame, k, error);
    }
    const found = trespassesIn(outside, await readStructure(session, looks), frame.publicSchema, new Set());
    if (found.what.length > 0) {
      const state = `statement ${k + 1} cannot be rolled back, and it is marked as running`;
      return { kind: 'failed', error: trespassError({ ...trespass, ...found, state }) };
    }
    const invalid = await newlyInvalid(session, schema, before);
    if (invalid !== undefined) return { kind: 'failed', error: leftInvalid(script, schema, k, invalid) };
    await session.run(progress(script, schema, frame, token, `done_statements = ${k + 1}`));
  }
  // Also where nothing was left to run: what a resumed migration left before counts as well.
  const invalid = await newlyInvalid(session, schema, before);
  if (invalid !== undefined) {
    return { kind: 'failed', error: leftInvalid(script, schema, script.statements.length - 1, invalid) };
  }
  const durationMs = Math.round(performance.now() - started);
  const end = `state = 'applied', at_statement = null, duration_ms = ${Math.min(durationMs, 2_147_483_647)}`;
  await session.run(progress(script, schema, frame, token, end));
  return { kind: 'done', applied: [applied(script.migration, durationMs)] };
}

async function newlyInvalid(
  session: Session,
  { schema }: UnitSchema,
  before: ReadonlySet<string>,
): Promise<string | undefined> {
  return [...(await invalidIndexes(session, schema))].find((name) => !before.has(name));
}

async function failedAt(
  session: Session,
  script: Script,
  schema: UnitSchema,
  frame: UnitFrame,
  k: number,
  error: Parameters<typeof describeFailure>[1]['error'],
): Promise<Attempt> {
  const statement = script.statements[k];
  const index = indexOfCodePoint(script.text, Number(error.position ?? 1) - 1, statement?.start);
  const described = await describeFailure(
    session,
    { error, script, index, replayable: false },
    schema,
    frame,
  );
  const { migration } = script;
  // One that stands alone left nothing: then the file is simply pending again.
  const nothingKept = k === 0 && !partial.has(statement?.kind ?? '');
  if (nothingKept) await forget(session, script, schema, frame);
  const { message, ...details } = described.details;
  return {
    kind: 'failed',
    error: new SqlmigError('migration-failed', message, {
      sqlstate: error.code,
      schema: schema.schema,
      location: locate(migration.file, migration.text, index),
      statement: k + 1,
      statements: script.statements.length,
      state: nothingKept ? 'nothing of it was kept' : keptBefore(k),
      hint: nothingKept ? details.hint : repairHint(script, schema),
      cause: error,
    }),
  };
}

/** Takes the row of a migration back that has done nothing: it is simply pending again. */
async function forget(
  session: Session,
  { migration }: Script,
  { schema }: UnitSchema,
  frame: UnitFrame,
): Promise<void> {
  const row = `${historyTable(schema, frame.table)} where ${rowOf(migration)}`;
  await session.run(bookkeeping(`delete from ${row} and state = 'running'`));
}

function keptBefore(k: number): string {
  return `statements before ${k + 1} stay, and it is marked as running`;
}

// What these leave when they fail halfway is more than nothing (an invalid index, a half-detached partition).
const partial: ReadonlySet<string> = new Set(['IndexStmt', 'DropStmt', 'ReindexStmt', 'AlterTableStmt']);

function leftInvalid(script: Script, schema: UnitSchema, k: number, index: string): SqlmigError {
  const { migration, statements } = script;
  return new SqlmigError(
    'invalid-index',
    `${historyKey(migration)} left the invalid index ${schema.schema}.${index}`,
    {
      schema: schema.schema,
      location: locate(migration.file, migration.text, statements[k]?.start ?? 0),
      statement: k + 1,
      statements: statements.length,
      state: 'it is marked as running, not as applied',
      hint: repairHint(script, schema),
    },
  );
}

function repairHint({ migration }: Script, { schema }: UnitSchema): string {
  return `settle it with: sqlmig repair ${schema} ${migration.version ?? migration.name} --resume`;
}

function sessionSettings({ migration }: Script, schema: UnitSchema, frame: UnitFrame, token: string): string {
  const values: [string, string][] = [
    ['sqlmig.token', token],
    ['application_name', `sqlmig ${frame.runId} ${historyKey(migration)} ${frame.host}`],
    // A build waits for others as long as it takes; giving up would leave an invalid index.
    ['lock_timeout', '0'],
    ['statement_timeout', '0'],
    ['synchronous_commit', 'on'],
    // An orphan finishes its index under the lock (lock-protocol 3.3).
    ...(frame.checksClient ? [['client_connection_check_interval', '0'] as [string, string]] : []),
    ['idle_session_timeout', '0'],
    ['idle_in_transaction_session_timeout', '0'],
    ['default_transaction_isolation', 'read committed'],
    ['default_transaction_read_only', 'off'],
    ['tcp_keepalives_idle', '10'],
    ['tcp_keepalives_interval', '5'],
    ['tcp_keepalives_count', '3'],
  ];
  const calls = values.map(
    ([name, value]) => `pg_catalog.set_config('${name}', ${quoteLiteral(value)}, false)`,
  );
  return `${doBlock(`begin perform ${calls.join(', ')}; end`)}SET search_path = ${searchPath(schema, frame)}`;
}

async function takeLocks(session: Session, { schema }: UnitSchema): Promise<boolean> {
  const oid = `(select oid from pg_catalog.pg_namespace where nspname = ${quoteLiteral(schema)})`;
  const [row] = await session.read(
    `select pg_try_advisory_lock_shared(${lockKey(lockObjects.fleet)}) and pg_try_advisory_lock_shared(${lockKey(lockObjects.marker)})
  and coalesce(pg_try_advisory_lock(${lockKey(`${oid}::int4`)}), false) as got`,
  );
  return row?.got === true;
}

/** Checks and the row, in one transaction of its own. */
function begin(script: Script, schema: UnitSchema, frame: UnitFrame): string {
  return setOwnPath + checkLook(schema, frame) + insertRow(script, 'running', schema, frame);
}

/** Notes how far it is; refuses where the session is not the one that took the locks (lock-protocol SQM12). */
function progress(
  { migration }: Script,
  { schema }: UnitSchema,
  frame: UnitFrame,
  token: string,
  set: string,
): string {
  return bookkeeping(`if current_setting('sqlmig.token', true) is distinct from '${token}' then
    ${raise(unitStates.lockLost)}
  end if;
  update ${historyTable(schema, frame.table)} set ${set} where ${rowOf(migration)} and state = 'running';
  if not found then ${raise(unitStates.historyChanged)} end if`);
}

/** Work on the history in between, whatever role the file has taken meanwhile; that role stays. */
function bookkeeping(work: string): string {
  return doBlock(`begin
  perform pg_catalog.set_config('role', 'none', true), pg_catalog.set_config('search_path', ${quoteLiteral(ownPath)}, true);
  ${work};
end`);
}

const cleanUp =
  'select pg_catalog.pg_advisory_unlock_all(); RESET SESSION AUTHORIZATION; RESET ROLE; DEALLOCATE ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP; RESET ALL';

/** The invalid indexes of a schema, by name; parents of partitioned ones are no builds. */
export async function invalidIndexes(session: Session, schema: string): Promise<Set<string>> {
  const rows = await session.read(`select c.relname as name from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = ${quoteLiteral(schema)} and c.relkind = 'i' and not i.indisvalid`);
  return new Set(rows.map((row) => String(row.name)));
}
