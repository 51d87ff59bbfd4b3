import { unitStates } from '../errors.ts';
import { historyTable } from '../history/history.ts';
import type { HistoryRow } from '../history/row.ts';
import { historyKey } from '../project/order.ts';
import { canonicalVersion } from '../project/version.ts';
import { isKept } from '../sql/kept-down.ts';
import type { Migration } from '../sql/migration.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { type Check, holds } from './refusal.ts';
import type { Unit, UnitContext } from './unit-context.ts';

/** The column in which a unit reports, right before its file runs, the history key of its migration. */
export const begunColumn = 'sqlmig_begun';

/** The column beside it with the time, in text. */
export const begunAtColumn = 'sqlmig_at';

/** The columns of `insertedValues`. */
export const insertedColumns =
  'version, name, checksum, applied_by, run_id, state, scope, statements, done_statements';

const replaceRepeatable = ` on conflict (name) where version is null do update set checksum = excluded.checksum,
  applied_at = excluded.applied_at, applied_by = excluded.applied_by, run_id = excluded.run_id, duration_ms = 0,
  state = excluded.state, statements = excluded.statements, done_statements = excluded.done_statements`;

/** Inserts the history row of a unit if `condition` holds, and reports that its file begins. */
export function insertRow(unit: Unit, state: HistoryRow['state'], condition?: string): string {
  const { migration } = unit.script;
  const table = historyTable(unit.schema.schema, unit.context.table);
  const values = insertedValues(rowFor(unit), { state, by: unit.context.appliedBy });
  const kept = keptValues(migration.undoneBy, unit.context);
  const columns = [insertedColumns, ...Object.keys(kept)].join(', ');
  const list = [values, ...Object.values(kept)].join(', ');
  // VALUES are planned in less time than a query.
  const source = condition === undefined ? `values (${list})` : `select ${list} where ${condition}`;
  const insert =
    `insert into ${table} (${columns}) ${source}` + (migration.version === null ? replaceRepeatable : '');
  const key = begunKey(migration);
  const at = begunAt('applied_at');
  if (!unit.schema.mayDiscardRows) return `${insert} returning ${key}, ${at};\n`;
  const lost: Check = ['not exists (select from kept)', unitStates.rowRefused];
  const columnsOf = `${key}, (select ${begunAtColumn} from kept), ${holds([lost])} as kept`;
  return `with kept as (${insert} returning ${at}) select ${columnsOf};\n`;
}

/** Makes checks, and reports that the file of a unit begins whose row follows at the end of its transaction. */
export function reportBegun({ script: { migration } }: Unit, checks: readonly Check[] = []): string {
  const where = checks.length === 0 ? '' : ` where ${holds(checks)}`;
  return `select ${begunKey(migration)}, ${begunAt('clock_timestamp()')}${where};\n`;
}

function begunKey(migration: Migration): string {
  return `${quoteLiteral(historyKey(migration))} as ${begunColumn}`;
}

/** SQL: the column with the time that an expression gives. */
export function begunAt(time: string): string {
  return `${time}::text as ${begunAtColumn}`;
}

/** SQL expressions by column: what a row keeps of the down file of its migration. Empty if it does not (see `isKept`). */
export function keptValues(
  file: Migration | undefined,
  { isUtf8 }: Pick<UnitContext, 'isUtf8'>,
): Readonly<Record<string, string>> {
  if (file === undefined || !isKept(file, isUtf8)) return {};
  return { down: quoteLiteral(file.text), down_checksum: quoteLiteral(file.checksum) };
}

/** A migration whose history row is written, and the number of its statements. */
export interface NewRow extends Pick<Unit, 'schema' | 'context'> {
  readonly migration: Pick<Migration, 'version' | 'name' | 'checksum'>;
  readonly statements: number;
}

/** The history row of a unit. */
export function rowFor({ script: { migration, statements }, schema, context }: Unit): NewRow {
  return { migration, statements: statements.length, schema, context };
}

/** SQL expressions: the values of a history row, in the order of `insertedColumns`. */
export function insertedValues(
  { migration: { version, name, checksum }, statements: count, schema, context }: NewRow,
  { state, by }: { readonly state: HistoryRow['state']; readonly by: string },
): string {
  return [
    version === null ? 'null::bigint' : canonicalVersion(version),
    ...[name, checksum, by, context.runId, state, schema.scope].map(quoteLiteral),
    count,
    state === 'applied' ? count : 0,
  ].join(', ');
}
