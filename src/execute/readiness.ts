import type { Row } from '../server/answer.ts';
import { indexOnCopy, type OnlineChange } from '../sql/online-change.ts';
import type { ParsedStatement } from '../sql/parse.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { type IndexName, invalidLeftBy, type Names, relationIds, subjectOf } from './invalid-indexes.ts';

/** What is left to do for a CONCURRENTLY statement. */
export type Readiness =
  | { readonly kind: 'run' }
  /** It took effect before it was interrupted. */
  | { readonly kind: 'done' }
  /** Something else has the name of its index: `what` says what, after that name. */
  | { readonly kind: 'differs'; readonly name: string; readonly what: string };

/** A CONCURRENTLY statement. */
export interface OnlineStatement {
  readonly change: OnlineChange;
  readonly text: string;
  readonly statement: ParsedStatement;
  /** An earlier attempt began it and did not record its end. */
  readonly begun: boolean;
}

const run: Readiness = { kind: 'run' };
const done: Readiness = { kind: 'done' };

/**
 * Checks what is left to do for a CONCURRENTLY statement, and removes what blocks it: the invalid index of a failed build
 * or the copies of a failed REINDEX. A pending DETACH is finalized.
 * @throws ServerError if the server refuses a statement.
 */
export async function makeReady(names: Names, online: OnlineStatement): Promise<Readiness> {
  const { change, begun } = online;
  switch (change.kind) {
    case 'create-index':
      return begun || change.ifNotExists ? readyToCreate(names, { ...online, change }) : run;
    case 'drop-index': {
      const subject = subjectOf(change, names.home);
      const [id] = subject === null ? [] : await relationIds(names, [subject]);
      return begun && id === null ? done : run;
    }
    case 'detach':
      return readyToDetach(names, change, begun);
    default:
      if (begun) for (const copy of await invalidLeftBy(names, [change])) await drop(names, copy);
      return run;
  }
}

type Creation = Extract<OnlineChange, { kind: 'create-index' }>;

/** An index that was valid or missing when a CONCURRENTLY statement began, and is invalid now; `before` were invalid then. */
export async function newlyInvalid(
  names: Names,
  change: OnlineChange,
  before: readonly IndexName[],
): Promise<string | undefined> {
  const known = new Set(before.map(({ schema, name }) => `${schema}.${name}`));
  const left = (await invalidLeftBy(names, [change])).map(({ schema, name }) => `${schema}.${name}`);
  return left.find((name) => !known.has(name));
}

/**
 * The index that a CONCURRENTLY statement left invalid or did not create although it succeeded, in words; `null` if all
 * is well. `before` were invalid when it began.
 */
export async function unsoundIndex(
  names: Names,
  change: OnlineChange,
  before: readonly IndexName[],
): Promise<string | null> {
  const invalid = await newlyInvalid(names, change, before);
  if (invalid !== undefined) return `the invalid index ${invalid}`;
  if (change.kind !== 'create-index' || change.name === null) return null;
  const on = await tableAt(names, change.table);
  const [found] = on === null ? [] : await named(names, on, change.name);
  const sound = on === null || (found?.valid === true && found.on_table === true);
  return sound ? null : `no valid index ${change.name}`;
}

async function readyToCreate(
  names: Names,
  online: OnlineStatement & { readonly change: Creation },
): Promise<Readiness> {
  const { table, name, ifNotExists } = online.change;
  const on = await tableAt(names, table);
  // PostgreSQL itself refuses other relations, and on a temporary table it ignores CONCURRENTLY.
  if (on === null || !['r', 'm'].includes(on.kind) || on.temporary) return run;
  const find = () => (name === null ? alike(names, on, online) : named(names, on, name));
  let [found] = await find();
  if (found !== undefined && found.on_table === true && found.valid === false) {
    await awaitBuilds(names, on);
    [found] = await find();
    if (found?.on_table === true && found.valid === false) {
      await drop(names, { schema: on.schema, name: String(found.name) });
      return run;
    }
  }
  if (found === undefined) return run;
  if (name === null) return done;
  const label = `${on.schema}.${name}`;
  if (found.is_index !== true) return { kind: 'differs', name: label, what: 'is not an index' };
  const wanted = await definitionOf(names, online, { on, as: found });
  if (found.on_table === true && found.definition === wanted) return ifNotExists ? run : done;
  return {
    kind: 'differs',
    name: label,
    what: `is another index: ${found.definition}; the file's is ${wanted}`,
  };
}

/** A table on which an index is to be created. */
interface Table {
  readonly id: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly temporary: boolean;
}

async function tableAt(names: Names, table: Creation['table']): Promise<Table | null> {
  const [id] = await relationIds(names, [table]);
  if (id === null || id === undefined) return null;
  const [row] = await names.own.read(`select n.nspname as schema, c.relname as name, c.relkind::text as kind,
  c.relpersistence = 't' as temporary from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = ${id}`);
  if (row === undefined) return null;
  const { schema, name, kind, temporary } = row;
  return {
    id,
    schema: String(schema),
    name: String(name),
    kind: String(kind),
    temporary: temporary === true,
  };
}

function columns(on: Table): string {
  return `c.relname as name, quote_ident(c.relname) as sql, i.indexrelid is not null as is_index, i.indisvalid as valid,
  i.indrelid = ${on.id} as on_table, pg_get_indexdef(i.indexrelid) as definition`;
}

function named({ own }: Names, on: Table, name: string): Promise<Row[]> {
  return own.read(`select ${columns(on)} from pg_class c left join pg_index i on i.indexrelid = c.oid
where c.relname = ${quoteLiteral(name)} and c.relnamespace = (select relnamespace from pg_class where oid = ${on.id})`);
}

/** The indexes of a table that match a CREATE INDEX without a name; valid ones first. */
async function alike(names: Names, on: Table, online: OnlineStatement): Promise<Row[]> {
  const rows =
    await names.own.read(`select ${columns(on)} from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indrelid = ${on.id} and c.relname ~ '_idx[0-9]*$' order by i.indisvalid desc, c.relname`);
  const found: Row[] = [];
  for (const row of rows)
    if (row.definition === (await definitionOf(names, online, { on, as: row }))) found.push(row);
  return found;
}

/**
 * PostgreSQL's own definition of the statement's index under the name of `as`. The index is built on an empty copy of the
 * table, in a transaction that is rolled back, with the settings of the file, so that sqlmig need not guess.
 */
async function definitionOf(
  { session }: Names,
  online: OnlineStatement,
  { on, as }: { readonly on: Table; readonly as: Row },
): Promise<string> {
  const [may] = await session.run(
    `select pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMP') as temporary`,
  );
  // Expressions may name the table, so the copy has its name if possible.
  const [schema, name] =
    may?.temporary === true ? ['pg_temp', on.name] : [on.schema, `sqlmig_table_${on.id}`];
  const table = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
  const original = `${quoteIdentifier(on.schema)}.${quoteIdentifier(on.name)}`;
  const index = `sqlmig_index_${on.id}`;
  const text = await indexOnCopy(online.text, online.statement, { index, table });
  const named = (inSchema: string, relation: string) =>
    `quote_ident(${quoteLiteral(inSchema)}) || '.' || quote_ident(${quoteLiteral(relation)})`;
  const [row] = await session.run(`START TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE;
create table ${table} (like ${original});
${text}
;
SET LOCAL search_path = pg_catalog, pg_temp;
select replace(replace(pg_get_indexdef(indexrelid), '${index}', ${quoteLiteral(String(as.sql))}),
  ${named(schema, name)}, ${named(on.schema, on.name)}) as definition
from pg_index where indrelid = to_regclass(${quoteLiteral(table)});
ROLLBACK`);
  return String(row?.definition);
}

/** Waits for running builds: until they end, their index looks like one that a failed build left. */
async function awaitBuilds({ session }: Names, { schema, name, kind }: Table): Promise<void> {
  // LOCK TABLE does not accept a materialized view.
  if (kind !== 'r') return;
  await session.run(`START TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE;
lock table ${quoteIdentifier(schema)}.${quoteIdentifier(name)} in share update exclusive mode;
COMMIT`);
}

async function drop({ session }: Names, { schema, name }: IndexName): Promise<void> {
  await session.run(`drop index concurrently if exists ${quoteIdentifier(schema)}.${quoteIdentifier(name)}`);
}

async function readyToDetach(
  names: Names,
  { table, partition }: Extract<OnlineChange, { kind: 'detach' }>,
  begun: boolean,
): Promise<Readiness> {
  const [parent, child] = await relationIds(names, [table, partition]);
  if (typeof parent !== 'string' || typeof child !== 'string') return run;
  const name = (id: string) =>
    `(select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = ${id})`;
  const [row] =
    await names.own.read(`select inhdetachpending as pending, ${name(parent)} as parent, ${name(child)} as child
from pg_inherits where inhparent = ${parent} and inhrelid = ${child}`);
  if (row === undefined) return begun ? done : run;
  if (row.pending !== true) return run;
  await names.session.run(`alter table ${row.parent} detach partition ${row.child} finalize`);
  return done;
}
