import { canonicalVersion } from '../project/version.ts';
import type { Row } from '../server/answer.ts';
import type { Session } from '../server/session.ts';
import { doBlock, quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import type { HistoryRow } from './row.ts';
import { readChecksum } from './undo-mark.ts';

/** A history row with what the run that wrote it recorded. */
export interface RecordedRow extends HistoryRow {
  readonly runId: string;
  readonly durationMs: number;
}

/** SQL name of a schema's history table. */
export function historyTable(schema: string, table: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

/** SQL condition: the row of a migration in a history. */
export function rowOf({ version, name }: Pick<HistoryRow, 'version' | 'name'>): string {
  return version === null
    ? `version is null and name = ${quoteLiteral(name)}`
    : `version = ${canonicalVersion(version)}`;
}

// A repeatable has no version; `done_statements` is the progress of a non-transactional file.
const columns = {
  version: 'bigint unique',
  name: 'text not null',
  checksum: 'text not null',
  applied_at: 'timestamptz not null default clock_timestamp()',
  duration_ms: 'integer not null default 0',
  applied_by: 'text not null',
  run_id: 'text not null',
  state: 'text not null',
  scope: 'text not null',
  statements: 'integer not null',
  at_statement: 'integer',
  done_statements: 'integer not null',
};

// The file that undoes the migration, so that a release without the file can undo it.
const downColumns = { down: 'text', down_checksum: 'text' };

/** The columns of every history table, in their order. */
export const historyColumns: readonly string[] = Object.keys(columns);

/** The columns that follow them in a table of the current form. */
export const keptColumns: readonly string[] = Object.keys(downColumns);

/** DDL of the history table. */
export function createHistoryTable(schema: string, table: string): string {
  const definitions = Object.entries({ ...columns, ...downColumns }).map(
    ([name, definition]) => `  ${name} ${definition},\n`,
  );
  return `create table ${historyTable(schema, table)} (
${definitions.join('').replace(/,\n$/, '')}
);
create unique index on ${historyTable(schema, table)} (name) where version is null;
${identifyRows(schema, table)}`;
}

/**
 * SQL condition for the row `c` of pg_class of a history table: it needs no upgrade. Tables of version 0.1.0 have two check
 * constraints, later ones one, and new ones none: it would be a fifth of the cost of an INSERT.
 */
export const isCurrentForm = `c.relreplident = 'f' and c.relchecks <= 1 and ${hasColumn('c.oid', 'down_checksum')}`;

function hasColumn(table: string, column: string): string {
  return `exists (select from pg_catalog.pg_attribute f where f.attrelid = ${table} and f.attname = ${quoteLiteral(column)} and not f.attisdropped)`;
}

// Lets rows be updated while they are published (55000 otherwise; PostgreSQL documentation, Logical Replication,
// Publication). FULL, since a repeatable has no version that could be a key.
function identifyRows(schema: string, table: string): string {
  return `alter table ${historyTable(schema, table)} replica identity full`;
}

/**
 * Statements that upgrade a history table of an earlier version: that of 0.1.0 has no replica identity and says `running`
 * for `incomplete`, and earlier ones keep no down files. Running them again is harmless.
 */
export function upgradeHistory(schema: string, table: string): string {
  const own = historyTable(schema, table);
  return `${identifyRows(schema, table)};
${doBlock(`declare name text;
begin
  for name in select conname from pg_constraint where conrelid = ${quoteLiteral(own)}::regclass and contype = 'c'
      and pg_get_constraintdef(oid) ~ '\\y(state|scope)\\y' loop
    execute format('alter table %s drop constraint %I', ${quoteLiteral(own)}, name);
  end loop;
  update ${own} set state = 'incomplete' where state = 'running';
${Object.entries(downColumns)
  .map(
    ([column, type]) =>
      `  if not ${hasColumn(`${quoteLiteral(own)}::regclass`, column)} then alter table ${own} add ${column} ${type}; end if;\n`,
  )
  .join('')}end`)}`;
}

// A statement was begun and may not be done. Means nothing for an applied migration.
const inDoubt = 'coalesce(at_statement, 0) <> done_statements';

/**
 * SQL expression: the digest of one history row. Adding them up needs neither an order nor text, and so costs hardly
 * more than counting rows.
 */
export const rowDigest = `hash_record_extended(row(version, name, checksum, state, ${inDoubt}), 0)`;

/** SQL query: the digest of the rows of one history; `where` narrows the rows. */
export function selectDigest(table: string, where = 'true'): string {
  return `select ${digestSql} from ${table} where ${where}`;
}

/** Reads the digest of a history; `where` narrows the rows. */
export async function readDigest(session: Session, table: string, where: string): Promise<string> {
  const [row] = await session.read(`select (${selectDigest(table, where)}) as digest`);
  return String(row?.digest);
}

/** SQL expression: the digest of a history, comparable only with digests from the same server. */
export const digestSql = `count(run_id) || ' ' || coalesce(sum(${rowDigest})::text, '')`;

/** The digest that `digestSql` computes for this number of rows and this sum of their digests. */
export function digestFor(rows: number, sum: bigint): string {
  return `${rows} ${rows === 0 ? '' : sum}`;
}

/** The columns that `toRow` reads. */
export const rowColumns = `version::text as version, name, checksum, state, run_id, duration_ms, ${inDoubt} as in_doubt`;

/** How far a non-transactional migration has got. */
interface StatementProgress {
  readonly atStatement: number | null;
  readonly doneStatements: number;
  readonly statements: number;
}

/** Reads the progress in one row of a history table; `where` is its condition (see `rowOf`). */
export async function readProgress(
  session: Session,
  table: string,
  where: string,
): Promise<StatementProgress> {
  const [row] = await session.read(
    `select at_statement, done_statements, statements from ${table} where ${where}`,
  );
  return {
    atStatement: (row?.at_statement ?? null) as number | null,
    doneStatements: Number(row?.done_statements ?? 0),
    statements: Number(row?.statements ?? 0),
  };
}

/** The number of the statement that was begun and may not be done; `null` if there is none. */
export function doubtOf({ atStatement, doneStatements }: StatementProgress): number | null {
  return atStatement === null || atStatement <= doneStatements ? null : atStatement;
}

/** A row as `rowColumns` select it. */
export function toRow(row: Row): RecordedRow {
  return {
    version: row.version as string | null,
    name: String(row.name),
    ...readChecksum(String(row.checksum)),
    // `running` is what version 0.1.0 wrote.
    state: row.state === 'applied' ? 'applied' : 'incomplete',
    runId: String(row.run_id),
    durationMs: Number(row.duration_ms),
    ...(row.state !== 'applied' && row.in_doubt === true && { inDoubt: true }),
  };
}
