import { createHash } from 'node:crypto';
import { quoteIdentifier, quoteLiteral } from '../core/quote.ts';
import { sqlstates } from '../errors.ts';
import type { HistoryRow, Scope } from '../model.ts';
import { isServerError, type Row, type Session } from './session.ts';

/** A history row with what this very row's run recorded. */
export interface RecordedRow extends HistoryRow {
  readonly runId: string;
  readonly durationMs: number;
}

/** What a schema's history holds in short; two histories with equal digests hold equal rows. */
export interface HistoryDigest {
  readonly digest: string;
  readonly rows: number;
  /** The scope the rows were written with; `null` without rows. */
  readonly scope: Scope | null;
}

/** The digest of a history without rows. */
export const emptyDigest: HistoryDigest = { digest: digestOf([]), rows: 0, scope: null };

/** SQL of a schema's history table. */
export function historyTable(schema: string, table: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

/** DDL of the history table. A repeatable has no version; `done_statements` counts for non-transactional ones. */
export function createHistoryTable(schema: string, table: string): string {
  return `create table ${historyTable(schema, table)} (
  version bigint unique,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default clock_timestamp(),
  duration_ms integer not null default 0,
  applied_by text not null,
  run_id text not null,
  state text not null check (state in ('applied', 'running')),
  scope text not null check (scope in ('public', 'tenant')),
  statements integer not null,
  at_statement integer,
  done_statements integer not null
);
create unique index on ${historyTable(schema, table)} (name) where version is null`;
}

/** Columns by which a history table is known as ours. */
const ownColumns: readonly string[] = ['version', 'name', 'checksum', 'state', 'scope', 'run_id'];

// One line a row, in an order that no locale has a say in; `digestOf` writes the same.
const digestSql = `encode(sha256(convert_to(coalesce(string_agg(
  concat_ws(' ', coalesce(version::text, 'R ' || name), checksum, state), E'\\n' order by version, name collate "C"), ''), 'UTF8')), 'hex')`;

/** SQL expression: the digest of the rows of one history; `where` narrows the rows. */
export function selectDigest(table: string, where = 'true'): string {
  return `select ${digestSql} from ${table} where ${where}`;
}

/** The digest that `selectDigest` gives for these rows. */
export function digestOf(rows: readonly HistoryRow[]): string {
  const lines = [...rows]
    .sort(byVersionThenName)
    .map((row) => `${row.version ?? `R ${row.name}`} ${row.checksum} ${row.state}`);
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

function byVersionThenName(a: HistoryRow, b: HistoryRow): number {
  if (a.version !== null && b.version !== null) return BigInt(a.version) < BigInt(b.version) ? -1 : 1;
  if (a.version === null && b.version === null)
    return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
  return a.version === null ? 1 : -1;
}

/**
 * The digests of many schemas in few round trips; every schema must have a history table of ours. A schema whose
 * table is gone meanwhile is left out.
 */
export async function readDigests(
  session: Session,
  schemas: readonly string[],
  table: string,
): Promise<Map<string, HistoryDigest>> {
  const digests = new Map<string, HistoryDigest>();
  const read = async (batch: readonly string[]): Promise<void> => {
    if (batch.length === 0) return;
    const text = batch
      .map(
        (schema, i) =>
          `select ${i} as i, count(*)::int as rows, min(scope) as scope, ${digestSql} as digest from ${historyTable(schema, table)}`,
      )
      .join('\nunion all\n');
    try {
      for (const row of await session.run(text)) {
        digests.set(String(batch[Number(row.i)]), {
          digest: String(row.digest),
          rows: Number(row.rows),
          scope: row.scope as Scope | null,
        });
      }
    } catch (error) {
      if (!splits(error)) throw error;
      if (batch.length === 1) {
        if (error.code === sqlstates.undefinedTable) return;
        throw error;
      }
      const half = Math.ceil(batch.length / 2);
      await read(batch.slice(0, half));
      await read(batch.slice(half));
    }
  };
  for (let from = 0; from < schemas.length; from += batchSize)
    await read(schemas.slice(from, from + batchSize));
  return digests;
}

// Each table costs a statement three of the lock table's places (itself and two indexes); 6,400 are there by default.
const batchSize = 100;

function splits(error: unknown): error is { code: string } {
  const reasons: string[] = [
    sqlstates.insufficientResources,
    sqlstates.undefinedTable,
    sqlstates.undefinedSchema,
  ];
  return isServerError(error) && reasons.includes(error.code);
}

/** All rows of one schema's history; none where the table is gone. */
export async function readRows(session: Session, schema: string, table: string): Promise<RecordedRow[]> {
  const text = `select version::text as version, name, checksum, state, run_id, duration_ms from ${historyTable(schema, table)}`;
  try {
    return (await session.run(text)).map(toRow);
  } catch (error) {
    if (isServerError(error) && error.code === sqlstates.undefinedTable) return [];
    throw error;
  }
}

/** How far a non-transactional migration is. */
export interface Progress {
  readonly atStatement: number | null;
  readonly doneStatements: number;
  readonly statements: number;
}

/** Reads the progress in one history row; `where` is its condition (see `rowOf`). */
export async function readProgress(
  session: Session,
  schema: string,
  table: string,
  where: string,
): Promise<Progress> {
  const [row] = await session.run(
    `select at_statement, done_statements, statements from ${historyTable(schema, table)} where ${where}`,
  );
  return {
    atStatement: (row?.at_statement ?? null) as number | null,
    doneStatements: Number(row?.done_statements ?? 0),
    statements: Number(row?.statements ?? 0),
  };
}

function toRow(row: Row): RecordedRow {
  return {
    version: row.version as string | null,
    name: String(row.name),
    checksum: String(row.checksum),
    state: row.state as RecordedRow['state'],
    runId: String(row.run_id),
    durationMs: Number(row.duration_ms),
  };
}

/** What a catalogue look-up says of one schema. */
export interface SchemaPresence {
  readonly schema: string;
  /** `foreign` is a table of the history's name in a shape that is not ours. */
  readonly history: 'none' | 'ours' | 'foreign';
}

/** The schemas that exist among `names`, or all that have a table of the history's name when `names` is `null`. */
export async function lookUpSchemas(
  session: Session,
  names: readonly string[] | null,
  table: string,
): Promise<SchemaPresence[]> {
  const wanted =
    names === null
      ? 'c.oid is not null'
      : `n.nspname = any(array[${names.map(quoteLiteral).join(', ')}]::name[])`;
  const rows = await session.run(`select n.nspname as schema, c.oid is not null as present,
  (select count(*) from pg_catalog.pg_attribute a where a.attrelid = c.oid and not a.attisdropped
     and a.attname = any(array[${ownColumns.map(quoteLiteral).join(', ')}]::name[])) = ${ownColumns.length} as ours
from pg_catalog.pg_namespace n
left join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = ${quoteLiteral(table)} and c.relkind in ('r', 'p', 'v', 'm', 'f')
where ${wanted} and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by n.nspname collate "C"`);
  return rows.map((row) => ({
    schema: String(row.schema),
    history: row.present === true ? (row.ours === true ? 'ours' : 'foreign') : 'none',
  }));
}

/** Column names of a table, in their order, each with its type. */
export async function columnsOf(session: Session, schema: string, table: string): Promise<string[]> {
  const rows =
    await session.run(`select a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) as col
from pg_catalog.pg_attribute a
where a.attrelid = ${quoteLiteral(historyTable(schema, table))}::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`);
  return rows.map((row) => String(row.col));
}
