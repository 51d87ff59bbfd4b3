import { unitStates } from '../errors.ts';
import { raise } from '../protocol/refusal.ts';
import { schemaReplaced } from '../protocol/unit-checks.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import { takeLocks } from '../protocol/unit-locks.ts';
import { setFilePath, setOwnPath } from '../protocol/unit-settings.ts';
import type { Row } from '../server/answer.ts';
import { doBlock, quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import {
  type ColumnMatch,
  comparedColumns,
  comparing,
  insertedValue,
  ownChecksum,
  rounded,
  sharedChecksum,
} from './columns.ts';
import { cycleKeys } from './copy-order.ts';
import { rowsOf, tableName } from './owner.ts';
import type { TablePair } from './pairs.ts';
import type { OwnedTable } from './paths.ts';
import { splitTableName } from './record.ts';
import type { SchemaSequence, SchemaShape, TableShape } from './tables.ts';
import type { SplitTenant } from './tenants-from.ts';

/** What a copy needs to know. */
export interface CopyRules {
  readonly column: string;
  /** Tables of the config that stay shared. */
  readonly keep: readonly string[];
  /** Fire the triggers of the tenants' tables. */
  readonly triggers: boolean;
  /** The shared schema, and its sequences. */
  readonly shared: { readonly schema: string; readonly sequences: readonly SchemaSequence[] };
}

/**
 * Copies a tenant's rows in one transaction. It locks the tables before it takes its snapshot, so it counts, copies
 * and compares the same committed rows.
 */
export function composeCopy(
  { schema, tenant, made, pairs }: TenantCopy,
  rules: CopyRules,
  context: UnitContext,
): string {
  const tables = pairs.map(({ made }) => made);
  const shared = pairs.map(({ owned }) => tableName(owned.table)).join(', ');
  const own = tables.map(tableName).join(', ');
  const inserts = pairs.map((pair) => insert(pair, rules.column, tenant)).join('');
  const locks = takeLocks(schema, context, { activity: 'split', checks: [schemaReplaced(schema)] });
  return `START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE, NOT DEFERRABLE;
${setOwnPath}SET LOCAL lock_timeout = '${context.lockTimeoutMs}ms';
LOCK TABLE ${shared} IN ACCESS SHARE MODE;
LOCK TABLE ${own} IN SHARE ROW EXCLUSIVE MODE;
${locks}${comparing}${record({ schema, tenant, pairs }, rules, context)}${fillTables(tables, { inserts, triggers: rules.triggers }, setFilePath(schema, context))}${made.sequences.map((sequence) => advance(schema.schema, sequence, rules)).join('')}${compare({ schema, tenant, pairs }, rules, context)}COMMIT;
`;
}

/** The tenant to copy to. */
export interface TenantCopy {
  readonly schema: UnitSchema;
  readonly tenant: SplitTenant;
  readonly made: SchemaShape;
  readonly pairs: readonly TablePair[];
}

/**
 * Runs statements that fill tables of one schema, in their order, under the search path of its files. Until they are done,
 * keys that the order cannot satisfy are deferred, and row security is off for the owner, as are the triggers unless they
 * are to be fired.
 */
export function fillTables(
  tables: readonly TableShape[],
  { inserts, triggers }: { readonly inserts: string; readonly triggers: boolean },
  setPath: string,
): string {
  const { before, after } = filling(tables, triggers, setPath);
  return before + inserts + after;
}

/** What `fillTables` runs before and after the statements. */
export function filling(
  tables: readonly TableShape[],
  triggers: boolean,
  setPath: string,
): { readonly before: string; readonly after: string } {
  const switches = switchesOf(tables, triggers);
  return {
    before: `${switches.map(([off]) => `${off};\n`).join('')}SET CONSTRAINTS ALL DEFERRED;\n${setPath}`,
    after: `SET CONSTRAINTS ALL IMMEDIATE;\n${setOwnPath}${switches.map(([, on]) => `${on};\n`).join('')}`,
  };
}

type Switch = readonly [off: string, on: string];

function switchesOf(tables: readonly TableShape[], triggers: boolean): Switch[] {
  const schema = tables[0]?.schema ?? '';
  return [
    ...cycleKeys(tables)
      .filter(({ deferrable }) => !deferrable)
      .map(({ table, name }) => deferKey(schema, table, name)),
    ...tables.filter(({ forcesRowSecurity }) => forcesRowSecurity).map(noForce),
    ...(triggers ? [] : tables.flatMap((table) => table.triggers.map(disable))),
  ];
}

function deferKey(schema: string, table: string, key: string): Switch {
  const alter = `ALTER TABLE ${tableName({ schema, name: table })} ALTER CONSTRAINT ${quoteIdentifier(key)}`;
  return [`${alter} DEFERRABLE INITIALLY DEFERRED`, `${alter} NOT DEFERRABLE`];
}

function noForce(table: TableShape): Switch {
  const alter = `ALTER TABLE ${tableName(table)}`;
  return [`${alter} NO FORCE ROW LEVEL SECURITY`, `${alter} FORCE ROW LEVEL SECURITY`];
}

function disable({ schema, table, name, always }: TableShape['triggers'][number]): Switch {
  const alter = `ALTER TABLE ONLY ${tableName({ schema, name: table })}`;
  const trigger = `TRIGGER ${quoteIdentifier(name)}`;
  return [`${alter} DISABLE ${trigger}`, `${alter} ENABLE ${always ? 'ALWAYS ' : ''}${trigger}`];
}

/** Refuses a tenant that another run has split, and tables with rows; then records the tenant. */
function record(
  { schema, tenant, pairs }: Pick<TenantCopy, 'schema' | 'tenant' | 'pairs'>,
  { column }: CopyRules,
  context: UnitContext,
): string {
  const split = splitTableName(context.publicSchema);
  const [name, oid] = [quoteLiteral(schema.schema), `${quoteLiteral(schema.oid ?? '0')}::oid`];
  const filled = pairs.map(
    ({ made }) => `  if exists (select from ${tableName(made)}) then
    raise exception using errcode = '55000', message = ${quoteLiteral(`${made.name} already has rows`)}, hint = ${quoteLiteral(rowsHint)};
  end if;\n`,
  );
  const values = [schema.schema, tenant.id, column, context.runId, context.appliedBy].map(quoteLiteral);
  return doBlock(`begin
  if exists (select from ${split} where schema = ${name} and schema_oid = ${oid}) then ${raise(unitStates.historyChanged)} end if;
${filled.join('')}  delete from ${split} where schema = ${name};
  insert into ${split} (schema_oid, schema, tenant, split_by, run_id, copied_by) values (${oid}, ${values.join(', ')});
end`);
}

/** What to do about a tenant's table that has rows before it is filled. */
export const rowsHint = 'empty the table, or exclude the tenant in the query of --tenants-from';

function insert({ owned, made, match }: TablePair, column: string, { id }: SplitTenant): string {
  return `${insertRows({ made, match }, 't0', rowsOf(owned, column, id))}${reportCopied(made)}`;
}

/** A statement that copies the rows of `from`, which are called `alias` there. */
export function insertRows(
  { made, match }: Pick<TablePair, 'made' | 'match'>,
  alias: string,
  from: string,
): string {
  const names = match.copied.map(({ name }) => quoteIdentifier(name)).join(', ');
  const values = match.copied.map((pair) => insertedValue(pair, alias)).join(', ');
  // Without a common column, the new rows contain only defaults.
  const into = names === '' ? '' : ` (${names}) OVERRIDING SYSTEM VALUE`;
  return `INSERT INTO ${tableName(made)}${into} SELECT ${values} FROM ${from};\n`;
}

const copiedColumn = 'sqlmig_copied';

/** Reports the rows that the transaction has inserted into a table and its partitions, by the server's own count. */
function reportCopied(made: TableShape): string {
  const table = quoteLiteral(tableName(made));
  return `SELECT ${quoteLiteral(made.name)} AS ${copiedColumn}, pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_inserted(p.oid))::pg_catalog.int8 AS rows
FROM (SELECT ${table}::pg_catalog.regclass::pg_catalog.oid AS oid UNION SELECT relid FROM pg_catalog.pg_partition_tree(${table}::pg_catalog.regclass)) p;\n`;
}

/** What a row of the copy's message reports; `null` for other rows. */
export function copiedRows(row: Row): { readonly table: string; readonly rows: number } | null {
  return copiedColumn in row ? { table: String(row[copiedColumn]), rows: Number(row.rows) } : null;
}

/** Sets a sequence past the highest value of its columns; an unused one continues at the shared one's value. */
function advance(
  schema: string,
  { name, ascending, columns, feedsOthers }: SchemaSequence,
  { shared }: CopyRules,
): string {
  const own = tableName({ schema, name });
  const regclass = `${quoteLiteral(own)}::regclass`;
  const [most, beyond] = ascending ? ['max', '>='] : ['min', '<='];
  const values = columns.map(
    ({ table, column }) =>
      `select ${most}(${quoteIdentifier(column)})::int8 from ${tableName({ schema, name: table })}`,
  );
  const isShared = shared.sequences.some((sequence) => sequence.name === name);
  if (isShared && (values.length === 0 || feedsOthers))
    values.push(
      `select case when is_called then last_value end from ${tableName({ schema: shared.schema, name })}`,
    );
  if (values.length === 0) return '';
  const source = `(select ${most}(v) from (${values.join(' union all ')}) u (v))`;
  return `select setval(${regclass}, h.v) from (select ${source} as v) h, ${own} s, pg_sequence q
where q.seqrelid = ${regclass} and h.v ${beyond} s.last_value and h.v between q.seqmin and q.seqmax;\n`;
}

/** Compares counts and checksums of the shared and the tenant's rows, and records them. */
function compare(
  { schema, tenant, pairs }: Pick<TenantCopy, 'schema' | 'tenant' | 'pairs'>,
  { column }: CopyRules,
  context: UnitContext,
): string {
  const sides = pairs.map(({ owned, made, match }) => {
    const columns = comparedColumns(match);
    const [name, how, left] = [
      made.name,
      JSON.stringify(columns),
      JSON.stringify(leftColumns(owned, match)),
    ].map(quoteLiteral);
    return `select ${name} as name, ${how}::jsonb as columns, ${left}::jsonb as left, s.*, o.rows as own_rows, o.checksum as own_checksum
      from (select ${sharedChecksum(columns, 't0')}, ${rounded(match, 't0')} as rounded from ${rowsOf(owned, column, tenant.id)}) s,
        (select ${ownChecksum(columns, 'o')} from ${tableName(made)} o) o`;
  });
  const union = sides.join('\n    union all ');
  return doBlock(`declare
  found jsonb;
  differing text;
begin
  select jsonb_object_agg(c.name, jsonb_build_object('rows', c.rows, 'checksum', c.checksum, 'columns', c.columns, 'left', c.left)),
    string_agg(format('%s (%s rows of %s)', c.name, c.own_rows, c.rows), ', ') filter (where c.rounded > 0 or (c.rows, c.checksum) <> (c.own_rows, c.own_checksum))
  into found, differing from (${union}) c;
  if differing is not null then
    raise exception using errcode = '55000', message = 'after copying, rows differ from the shared ones in ' || differing,
      hint = 'look for triggers, rules and column types of the tenant files that change values';
  end if;
  update ${splitTableName(context.publicSchema)} set tables = found where schema = ${quoteLiteral(schema.schema)};
end`);
}

/** The columns of the shared table whose values are not copied. */
function leftColumns({ table }: OwnedTable, { copied }: ColumnMatch): string[] {
  return table.columns.map(({ name }) => name).filter((name) => !copied.some((pair) => pair.name === name));
}
