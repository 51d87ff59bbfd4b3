import { randomBytes } from 'node:crypto';
import { SqlmigError, withHint } from '../errors.ts';
import { currentPublic } from '../fleet/current-public.ts';
import { openTenantPhase } from '../fleet/phase.ts';
import { findSchemas } from '../history/presence.ts';
import { betweenDatabases } from '../lifecycle/between-databases.ts';
import { completeMove, type MoveJob } from '../lifecycle/move-copy.ts';
import {
  beginMove,
  copiedTables,
  copyGone,
  forgetMove,
  type MoveRecord,
  notMoved,
  type RowsOfTable,
  readMoves,
} from '../lifecycle/move-record.ts';
import {
  type DatabasePlace,
  databasePlace,
  type MoveSides,
  type MoveState,
  placeWords,
} from '../lifecycle/move-sides.ts';
import {
  enlistCopy,
  openScopeCopies,
  prepareKinds,
  readScope,
  sourcesOf,
} from '../lifecycle/scope-copies.ts';
import { ownRows, ownTables } from '../lifecycle/table-pairs.ts';
import { nameTaken, noHistory, schemaMissing } from '../lifecycle/tenant.ts';
import type { Config } from '../project/config.ts';
import { callback, checkValue, type Kinds, tenantName, text, yesOrNo } from '../project/option.ts';
import { historyTablesIn } from '../project/scope-view.ts';
import type { ErrorDetails, SchemaOutcome } from '../results.ts';
import { type ChangeOptions, changeKinds } from '../run/run-options.ts';
import type { Session } from '../server/session.ts';
import { readShape } from '../split/tables.ts';
import { commandLine } from '../text/command-line.ts';

/** The tenant to move. */
export interface MoveTenantOptions extends ChangeOptions {
  /** The name of its schema. */
  readonly name: string;
  /** The name of another database of the config, or a connection string, which is never shown. */
  readonly to: string;
  /** Move it even if the tenant source does not list it in the other database. */
  readonly unlisted?: boolean;
  /** Called once with the plan, unless the move is done. The tenant is moved only if it returns `true`. */
  readonly accept: (plan: TenantMove) => boolean | Promise<boolean>;
}

/** What a move takes from one database to another. */
export interface TenantMove extends DatabasePlace {
  readonly schema: string;
  readonly version: string | null;
  readonly to: DatabasePlace;
  /** The tables with their rows. */
  readonly tables: readonly RowsOfTable[];
  /** The tenant is read-only in its old database, because an earlier move was interrupted or is done. */
  readonly closed: boolean;
}

/** How a move ended. */
export interface MovedTenant extends TenantMove {
  readonly accepted: boolean;
  /** `moved`: the other database has the tenant, now or before, and is the valid one. */
  readonly state: 'moved' | 'unchanged' | 'failed';
  readonly error?: ErrorDetails;
}

const kinds: Kinds<MoveTenantOptions> = {
  ...changeKinds,
  name: tenantName,
  to: { ...text, required: true, hidden: true },
  unlisted: yesOrNo,
  accept: { ...callback, required: true },
};

/**
 * Moves a tenant to another database: builds its schema there from the files of all scopes that it has applied, copies its
 * rows and its histories, compares them, makes the tenant read-only in its old database, and commits the copy last. While
 * rows are copied, the tenant can be read and not written. If the move is interrupted before the tenant is read-only, nothing
 * has changed; after that, the next call completes it, or `undoMove` goes back. The old schema stays until `finishMove`.
 * @throws SqlmigError `bad-tenant-name`, `schema-missing`, `no-history`, `tenant-exists`, `tenant-moved`,
 *   `not-reproducible`, `not-moved`, `unlisted-tenant`, `public-behind`, and if it cannot start: `bad-usage`,
 *   `config-invalid`, mistakes in the files, no connection.
 */
export function moveTenant(config: Config, options: MoveTenantOptions): Promise<MovedTenant> {
  return betweenDatabases(config, options, { kinds, work: move });
}

async function move(sides: MoveSides, state: MoveState, options: MoveTenantOptions): Promise<MovedTenant> {
  const { name, unlisted = false, accept } = options;
  const { config } = sides.source.run;
  const { source, target } = sides;
  const { mark, record } = state;
  const newPlace = databasePlace(target.run);
  requireMovableState(state, placeWords(newPlace));
  const isClosed = mark !== null;
  const place = { ...databasePlace(source.run), schema: name, to: newPlace, closed: isClosed };
  const sources = sourcesOf(sides.sources, state);
  const { version } = (await readScope(source.run, sources[0], name)).plan;
  const base = { ...place, version };
  if (isClosed && record?.state === 'copied')
    return { ...base, tables: copiedTables(record), accepted: true, state: 'moved' };
  await requireCurrentPublic(sides);
  await requireFree(sides, name, isClosed);
  const copies = await openScopeCopies({ source, name, target, to: name, unlisted, isClosed }, sources);
  const buildKinds = await prepareKinds(copies);
  const tables = await source.run.read((session) => countRows(session, name, config));
  const plan = { ...base, tables };
  const accepted = await accept(plan);
  checkValue('the answer of accept', accepted, yesOrNo);
  if (!accepted) return { ...plan, accepted, state: 'unchanged' };
  const id = mark?.id ?? randomBytes(8).toString('hex');
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  const from = state.isOfAll ? copies[0].from : state.target;
  const moving = { source, from, copies, id, to: placeWords(newPlace), rows };
  const end = await copy(moving, buildKinds, isClosed);
  if (end.record === null)
    return { ...plan, closed: end.closed, accepted, state: 'failed', error: end.error };
  const { error } = await enlistCopy(copies, { ...end.outcome, version });
  return {
    ...plan,
    tables: copiedTables(end.record),
    closed: true,
    accepted,
    state: 'moved',
    ...(error && { error }),
  };
}

const undoneHint = 'run --undo again to complete it';

/** @throws SqlmigError for a schema that is not a tenant, whose move is ending, or whose databases contradict its move. */
function requireMovableState({ target, isTenant, mark, record }: MoveState, there: string): void {
  const { schema, trouble } = target;
  if (trouble !== null && (trouble.code !== 'tenant-moved' || record === null)) throw trouble;
  if (!target.exists) throw schemaMissing(schema);
  if (!isTenant) throw noHistory(target);
  if (record === null) return;
  if (mark === null && record.state === 'copied' && record.copy !== null)
    throw new SqlmigError('not-moved', `both databases have "${schema}", although it was moved to ${there}`, {
      schema,
      state: 'nothing was changed',
      hint: `compare them, drop the one that is out of date with sqlmig tenant drop, and run the command again if that is the one in ${there}`,
    });
  if (mark === null) return;
  if (record.state === 'copied' && record.copy === null) throw copyGone(record, there, 'go back with --undo');
  if (record.state === 'finished')
    throw withHint(notMoved(schema, 'it was finished'), 'complete it with --finish');
  if (record.state === 'undone') throw withHint(notMoved(schema, 'it was undone'), undoneHint);
}

/** @throws SqlmigError `public-behind` if public of the other database is not up to date. */
async function requireCurrentPublic({ target }: MoveSides): Promise<void> {
  try {
    await currentPublic(target);
  } catch (error) {
    if (!(error instanceof SqlmigError) || error.code !== 'public-behind') throw error;
    throw withHint(error, `run sqlmig up --public in ${placeWords(databasePlace(target.run))}`);
  }
}

/** @throws SqlmigError `tenant-exists` if the other database has a schema of the name. */
async function requireFree({ source, target }: MoveSides, name: string, isClosed: boolean): Promise<void> {
  const { run } = target;
  const { historyTable, publicSchema } = run.config;
  const taken = await run.read((session) => findSchemas(session, [name], historyTable));
  if (!taken.has(name)) return;
  const newPlace = placeWords(databasePlace(run));
  const oldPlace = placeWords(databasePlace(source.run));
  const moves = await run.read((session) => readMoves(session, name, publicSchema));
  if (moves.some(({ copy, source }) => copy === name && source === oldPlace))
    throw nameTaken(name, `another run has just copied it to ${newPlace}; run the command again`);
  if (!isClosed)
    throw nameTaken(name, `it is in ${newPlace}; drop or rename it there, or choose another database`);
  throw new SqlmigError('tenant-exists', `"${name}" in ${newPlace} is not the copy, which is not complete`, {
    schema: name,
    state: `the tenant is read-only in ${oldPlace}, which has its rows`,
    hint: `if up has created it, drop it there: ${commandLine('tenant', 'drop', name)}; then run the command again`,
  });
}

async function countRows(session: Session, schema: string, config: Config): Promise<RowsOfTable[]> {
  const tables = ownTables(await readShape(session, schema), historyTablesIn(config));
  const counted: RowsOfTable[] = [];
  for (const table of tables) {
    const [row] = await session.read(`select count(*)::text as rows from ${ownRows(table)}`);
    counted.push({ table: table.name, rows: Number(row?.rows) });
  }
  return counted;
}

type CopyEnd =
  | { readonly record: MoveRecord; readonly outcome: SchemaOutcome }
  | { readonly record: null; readonly closed: boolean; readonly error: ErrorDetails };

/** Copies the tenant. The record in the other database decides how that ended, even if connections were lost. */
async function copy(
  moving: MoveJob,
  buildKinds: (session: Session) => Promise<void>,
  wasClosed: boolean,
): Promise<CopyEnd> {
  const { source, from, copies, id } = moving;
  const [{ migrator, target }] = copies;
  const { run, context } = migrator;
  const { schema } = from;
  const report = { mayBeClosed: wasClosed };
  const begun = { id, schema, source: placeWords(databasePlace(source.run)) };
  await run.read((session) => beginMove(session, begun, context));
  const whole = {
    finish: async (session: Session) => {
      await buildKinds(session);
      await completeMove(session, moving, report);
    },
  };
  const phase = openTenantPhase(migrator, { shared: null, createsUnlisted: true, whole });
  const [outcome] = await phase.migrate([target]);
  if (outcome === undefined) throw new RangeError('one schema has one outcome');
  const failed = outcome.error ?? notMoved(schema, 'the copy is gone').details;
  try {
    const records = await run.read((session) => readMoves(session, schema, context.publicSchema));
    const record = records.find((move) => move.id === id);
    if (record?.state === 'undone')
      return { record: null, closed: report.mayBeClosed, error: { ...failed, hint: undoneHint } };
    if (record?.state === 'copied' || record?.state === 'finished') {
      const { error: _, ...done } = outcome;
      return { record, outcome: done };
    }
    if (!report.mayBeClosed) await run.read((session) => forgetMove(session, id, context.publicSchema));
  } catch (error) {
    if (!(error instanceof SqlmigError)) throw error;
  }
  return {
    record: null,
    closed: report.mayBeClosed,
    error: report.mayBeClosed ? closedError(failed) : failed,
  };
}

function closedError(details: ErrorDetails): ErrorDetails {
  return {
    ...details,
    state: 'the tenant is read-only in its old database, and may be in the other one',
    hint: 'run the same command again to complete the move, or go back with --undo',
  };
}
