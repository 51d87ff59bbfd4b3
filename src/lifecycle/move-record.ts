import { SqlmigError, withHint } from '../errors.ts';
import { moveTable } from '../history/move-mark.ts';
import { readOwnTable } from '../history/own-table.ts';
import { creatingTable } from '../protocol/bootstrap.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import { waitForDisk } from '../server/flush.ts';
import type { Session } from '../server/session.ts';
import { tableName } from '../split/owner.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { commandLine } from '../text/command-line.ts';

/** The rows of a table when they were copied. */
export interface MovedRows {
  readonly rows: number;
  /** Sum of the hashes of these columns of the rows. */
  readonly checksum: string;
  readonly columns: readonly string[];
}

/** A move to a database, as that database records it. */
export interface MoveRecord {
  readonly id: string;
  readonly schema: string;
  /** The database that the tenant comes from, in words. */
  readonly source: string;
  /** `copying` until the copy is committed. The end of the move is recorded before either schema is dropped. */
  readonly state: 'copying' | 'copied' | 'finished' | 'undone';
  /** The current name of the copy; `null` if there is none. */
  readonly copy: string | null;
  readonly tables: ReadonlyMap<string, MovedRows>;
}

/** A table and the number of its rows. */
export interface RowsOfTable {
  readonly table: string;
  readonly rows: number;
}

/** The tables that were copied, by name. */
export function copiedTables({ tables }: Pick<MoveRecord, 'tables'>): RowsOfTable[] {
  return [...tables.keys()].sort().map((table) => ({ table, rows: tables.get(table)?.rows ?? 0 }));
}

const columns: readonly (readonly [name: string, definition: string])[] = [
  ['id', 'text primary key'],
  ['schema', 'text not null'],
  ['source', 'text not null'],
  ['state', 'text not null'],
  ['schema_oid', 'oid'],
  ['tables', "jsonb not null default '{}'"],
  ['run_id', 'text not null'],
  ['moved_by', 'text not null'],
  ['started_at', 'timestamptz not null default clock_timestamp()'],
  ['copied_at', 'timestamptz'],
];

function moveTableName(publicSchema: string): string {
  return tableName({ schema: publicSchema, name: moveTable });
}

/** Records that a move begins. */
export async function beginMove(
  session: Session,
  { id, schema, source }: Pick<MoveRecord, 'id' | 'schema' | 'source'>,
  context: UnitContext,
): Promise<void> {
  const name = moveTableName(context.publicSchema);
  const values = [id, schema, source, 'copying', context.runId, context.appliedBy].map(quoteLiteral);
  await session.run(`${creatingTable(name, columns, context)}START TRANSACTION READ WRITE;
SET LOCAL search_path = pg_catalog, pg_temp;
${waitForDisk}insert into ${name} (id, schema, source, state, run_id, moved_by) values (${values.join(', ')}) on conflict (id) do nothing;
COMMIT;`);
}

/** Forgets a move that has copied nothing. */
export async function forgetMove(session: Session, id: string, publicSchema: string): Promise<void> {
  await session.read(
    `delete from ${moveTableName(publicSchema)} where id = ${quoteLiteral(id)} and state = 'copying'`,
  );
}

/** Reads the moves of a tenant to this database. */
export async function readMoves(
  session: Session,
  schema: string,
  publicSchema: string,
): Promise<MoveRecord[]> {
  const name = moveTableName(publicSchema);
  const query = `select m.id, m.schema, m.source, m.state, m.tables, n.nspname as copy
from ${name} m left join pg_namespace n on n.oid = m.schema_oid where m.schema = ${quoteLiteral(schema)} order by m.started_at`;
  const rows = await readOwnTable(session, name, query);
  return rows.map((row) => ({
    id: String(row.id),
    schema: String(row.schema),
    source: String(row.source),
    state: row.state as MoveRecord['state'],
    copy: row.copy === null ? null : String(row.copy),
    tables: new Map(Object.entries(row.tables as Record<string, MovedRows>)),
  }));
}

/**
 * Forgets the other moves of a tenant from the same database, except copies. Only in the transaction of a copy that holds
 * the key of a writable tenant: then no other move of it is running or incomplete.
 */
export async function forgetOtherMoves(session: Session, id: string, publicSchema: string): Promise<void> {
  const name = moveTableName(publicSchema);
  await session.read(`delete from ${name} m using ${name} own where own.id = ${quoteLiteral(id)} and m.id <> own.id
  and m.schema = own.schema and m.source = own.source and m.state <> 'copied'`);
}

/** Records the copied tables in the transaction of the copy. @throws SqlmigError if the move was undone in the meantime. */
export async function recordCopy(
  session: Session,
  { id, schema, tables }: Pick<MoveRecord, 'id' | 'schema' | 'tables'>,
  context: UnitContext,
): Promise<void> {
  const copied = quoteLiteral(JSON.stringify(Object.fromEntries(tables)));
  const isChanged = await change(
    session,
    `update ${moveTableName(context.publicSchema)} set state = 'copied', copied_at = clock_timestamp(), tables = ${copied}::jsonb,
  schema_oid = (select oid from pg_namespace where nspname = ${quoteLiteral(schema)})
where id = ${quoteLiteral(id)} and state = 'copying' returning id`,
  );
  if (!isChanged) throw notMoved(schema, 'another run has already ended it');
}

/**
 * Records how a move ends, if its copy has not changed since it was read.
 * @throws SqlmigError `not-moved` if another run has ended the move in the other way, or has made or dropped the copy.
 */
export async function endMove(
  session: Session,
  { id, schema, copy }: Pick<MoveRecord, 'id' | 'schema' | 'copy'>,
  { state, publicSchema }: { readonly state: 'finished' | 'undone'; readonly publicSchema: string },
): Promise<void> {
  const before = state === 'finished' ? ['copied', state] : ['copying', 'copied', state];
  const isChanged = await change(
    session,
    `update ${moveTableName(publicSchema)} set state = ${quoteLiteral(state)}
where id = ${quoteLiteral(id)} and state in (${before.map(quoteLiteral).join(', ')})
  and (select nspname from pg_namespace where oid = schema_oid) is not distinct from ${copy === null ? 'null' : quoteLiteral(copy)}
returning id`,
  );
  if (!isChanged)
    throw withHint(notMoved(schema, 'another run has continued or ended it'), 'run the command again');
}

/** Runs a statement that returns the id of the move that it has changed. */
async function change(session: Session, statement: string): Promise<boolean> {
  const rows = await session.read(`${waitForDisk}${statement}`);
  return rows.some((row) => 'id' in row);
}

/** The hint if the copy is gone after `--finish` was recorded and before it dropped the tenant. */
export const finishedWithoutCopyHint =
  'reopen the tenant with the SQL in "Finish or go back" of docs/moving-tenants.md';

/** The error for a move whose copy is gone from the other database. */
export function copyGone({ schema }: Pick<MoveRecord, 'schema'>, there: string, hint: string): SqlmigError {
  const drop = commandLine('tenant', 'drop', schema);
  return new SqlmigError('not-moved', `the copy of "${schema}" in ${there} is gone`, {
    schema,
    state: 'nothing was changed',
    hint: `${hint}; or, if it was restored there as a new schema, drop it here: ${drop} --without-history`,
  });
}

/** The error for a tenant whose move cannot be ended in this way. */
export function notMoved(schema: string, why: string): SqlmigError {
  return new SqlmigError('not-moved', `the move of "${schema}" cannot be ended: ${why}`, {
    schema,
    state: 'nothing was changed',
    hint: 'sqlmig tenant list shows where the tenant was moved to; pass the same database as --to',
  });
}
