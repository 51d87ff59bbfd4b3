import { historyTable, upgradeHistory } from '../history/history.ts';
import { insertMark, isMark } from '../history/mark.ts';
import { type MoveMark, markOfMove, moveMarkName } from '../history/move-mark.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import { waitForDisk } from '../server/flush.ts';
import { tableName } from '../split/owner.ts';
import { isExtensionMember, schemaOid } from '../sql/catalog-sql.ts';
import { doBlock, quoteLiteral } from '../sql/quote.ts';

// Of the function and of the trigger for rows. A trigger for statements would also refuse deletes in public that cascade to
// no row here, and does not fire for logical replication.
const fence = 'sqlmig_moved';
const truncateFence = `${fence}_truncate`;

/** The names of these objects, as patterns of a structure request. */
export const fenceObjects: readonly string[] = [`${fence}*`, `*.${fence}*`];

/**
 * SQL that makes the tables of a schema read-only, for every role and in every replication role: triggers on each of
 * them, and on each partition, raise an error. Reading stays possible. Only in a transaction that has locked the tables.
 */
export function raiseFence(
  schema: string,
  why: { readonly message: string; readonly hint: string },
  table: string,
): string {
  const own = tableName({ schema, name: fence });
  const body = `begin
  raise exception using errcode = 'read_only_sql_transaction', message = ${quoteLiteral(why.message)}, hint = ${quoteLiteral(why.hint)};
end`;
  return doBlock(`declare t regclass;
begin
  create or replace function ${own}() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as ${quoteLiteral(body)};
  for t in select c.oid from pg_class c where c.relnamespace = ${schemaOid(schema)} and c.relkind in ('r', 'p')
      and c.relname <> ${quoteLiteral(table)} and not ${isExtensionMember('pg_class', 'c.oid')} loop
    execute format('drop trigger if exists ${truncateFence} on %s', t);
    execute format('create trigger ${truncateFence} before truncate on %s for each statement execute function %s()', t, ${quoteLiteral(own)});
    execute format('alter table only %s enable always trigger ${truncateFence}', t);
    continue when (select relkind from pg_class where oid = t) = 'p';
    execute format('drop trigger if exists ${fence} on %s', t);
    execute format('create trigger ${fence} before insert or update or delete on %s for each row execute function %s()', t, ${quoteLiteral(own)});
    execute format('alter table only %s enable always trigger ${fence}', t);
  end loop;
end`);
}

/** SQL that marks a tenant as moved and makes it read-only, in a transaction that has locked its tables. */
export function closeTenant({ schema, isCurrent }: UnitSchema, mark: MoveMark, context: UnitContext): string {
  const why = {
    message: `tenant "${schema}" was moved to another database, and is read-only here`,
    hint: `connect to ${mark.to}`,
  };
  const upgrade = isCurrent ? '' : upgradeHistory(schema, context.table);
  return `${waitForDisk}${upgrade}${doBlock(`begin\n${insertMark(schema, markOfMove(mark), context)}end`)}${raiseFence(schema, why, context.table)}`;
}

/** SQL that undoes `closeTenant`. */
export function openTenant(schema: string, { table }: Pick<UnitContext, 'table'>): string {
  return `DROP FUNCTION IF EXISTS ${tableName({ schema, name: fence })}() CASCADE;
delete from ${historyTable(schema, table)} where ${isMark({ name: moveMarkName })};
`;
}
