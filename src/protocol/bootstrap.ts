import { unitStates } from '../errors.ts';
import { createHistoryTable, historyTable } from '../history/history.ts';
import { mayDiscard } from '../history/presence.ts';
import { doBlock, quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { lockKey, lockObjects, nameKey } from './keys.ts';
import { raise } from './refusal.ts';
import type { UnitContext } from './unit-context.ts';
import { applicationName, begin } from './unit-settings.ts';

/**
 * A transaction that creates missing objects, under the bootstrap key (docs/lock-protocol.md, Creating schemas and
 * history tables). `body` is PL/pgSQL that checks before it creates.
 */
export function creating(body: string, context: UnitContext): string {
  return `${begin(context)}SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '${context.lockTimeoutMs}ms';
SET LOCAL application_name = ${quoteLiteral(applicationName('bootstrap', context))};
${doBlock(`begin
  perform pg_advisory_xact_lock(${lockKey(lockObjects.bootstrap)});
${body}
end`)}COMMIT;
`;
}

/** Creates one of sqlmig's own tables by its full name, unless it exists. */
export function creatingTable(
  name: string,
  columns: readonly (readonly [name: string, definition: string])[],
  context: UnitContext,
): string {
  const definitions = columns.map(([column, definition]) => `${column} ${definition}`).join(', ');
  return creating(
    `  if to_regclass(${quoteLiteral(name)}) is null then create table ${name} (${definitions}); end if;`,
    context,
  );
}

/**
 * Creates a schema and its history table if they are missing. Returns the schema's OID as `oid`, and as `discards` whether
 * the history may discard rows, since an event trigger may have added a trigger to it. A schema that
 * existed with the OID `seen` is not created again: if it has been dropped or renamed since, the transaction is
 * refused. It is also refused while another session is about to give the name to a schema, because waiting for that
 * would hold the bootstrap key.
 */
export function composeBootstrap(schema: string, context: UnitContext, seen: string | null): string {
  const name = quoteLiteral(quoteIdentifier(schema));
  const check =
    seen === null
      ? `  if not pg_try_advisory_xact_lock(${nameKey(schema)}) then ${raise(unitStates.schemaBusy)} end if;\n`
      : `  if to_regnamespace(${name})::oid is distinct from ${quoteLiteral(seen)}::oid then ${raise(unitStates.schemaMissing)} end if;\n`;
  const table = quoteLiteral(historyTable(schema, context.table));
  return `${creating(check + createMissing(schema, context), context)}select pg_catalog.to_regnamespace(${name})::pg_catalog.oid::pg_catalog.text as oid,
  (select ${mayDiscard} from pg_catalog.pg_class c where c.oid operator(pg_catalog.=) pg_catalog.to_regclass(${table})) as discards;
`;
}

/** PL/pgSQL that creates a schema and its history table if they are missing. */
export function createMissing(schema: string, { table }: Pick<UnitContext, 'table'>): string {
  return `  if not exists (select from pg_catalog.pg_namespace where nspname = ${quoteLiteral(schema)}) then
    create schema ${quoteIdentifier(schema)};
  end if;
  if not exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = ${quoteLiteral(schema)} and c.relname = ${quoteLiteral(table)}) then
    ${createHistoryTable(schema, table)};
  end if;`;
}
