import { historyTable, upgradeHistory } from '../history/history.ts';
import { insertMark, isMark } from '../history/mark.ts';
import { moveFence as fence, type MoveMark, markOfMove, moveMarkName } from '../history/move-mark.ts';
import { createMissing } from '../protocol/bootstrap.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import { waitForDisk } from '../server/flush.ts';
import { tableName } from '../split/owner.ts';
import { isExtensionMember, nameArray, schemaOid } from '../sql/catalog-sql.ts';
import { doBlock, quoteLiteral } from '../sql/quote.ts';

// The name of the function and of the row trigger. A statement trigger would also refuse deletes in public that cascade to
// no row here, and it does not fire for logical replication.
const truncateFence = `${fence}_truncate`;

/** The names of these objects, as patterns of a structure request. */
export const fenceObjects: readonly string[] = [`${fence}*`, `*.${fence}*`];

/**
 * SQL that makes the tables of a schema, except its histories, read-only, for every role and in every replication role:
 * triggers on each of them, and on each partition, raise an error. Reading stays possible. Only in a transaction that has
 * locked the tables.
 */
export function raiseFence(
  schema: string,
  why: { readonly message: string; readonly hint: string },
  histories: readonly string[],
): string {
  const own = tableName({ schema, name: fence });
  const body = `begin
  raise exception using errcode = 'read_only_sql_transaction', message = ${quoteLiteral(why.message)}, hint = ${quoteLiteral(why.hint)};
end`;
  return doBlock(`declare t regclass;
begin
  create or replace function ${own}() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as ${quoteLiteral(body)};
  for t in select c.oid from pg_class c where c.relnamespace = ${schemaOid(schema)} and c.relkind in ('r', 'p')
      and c.relname <> all(${nameArray(histories)}) and not ${isExtensionMember('pg_class', 'c.oid')} loop
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

/** A history of a tenant, and whether it needs no upgrade (see `upgradeHistory`). */
interface MarkedHistory {
  readonly table: string;
  readonly isCurrent: boolean;
}

/**
 * SQL that marks a tenant as moved in all of its histories and makes it read-only, in a transaction that has locked its
 * tables. `ofKinds` are the histories of kinds. Every run looks for the mark in the history of all tenants.
 */
export function closeTenant(
  { schema, isCurrent }: UnitSchema,
  { mark, ofKinds }: { readonly mark: MoveMark; readonly ofKinds: readonly MarkedHistory[] },
  context: UnitContext,
): string {
  const why = {
    message: `tenant "${schema}" was moved to another database, and is read-only here`,
    hint: `connect to ${mark.to}`,
  };
  const create = mark.madeHistory ? doBlock(`begin\n${createMissing(schema, context)}\nend`) : '';
  const marks = [{ table: context.table, isCurrent }, ...ofKinds].map(
    ({ table, isCurrent: isUpgraded }) =>
      `${isUpgraded ? '' : upgradeHistory(schema, table)}${doBlock(`begin\n${insertMark(schema, markOfMove(mark), { ...context, table })}end`)}`,
  );
  return `${waitForDisk}${create}${marks.join('')}${raiseFence(schema, why, context.historyTables)}`;
}

/** SQL that undoes `closeTenant`. */
export function openTenant(
  schema: string,
  mark: MoveMark | null,
  { table, historyTables }: Pick<UnitContext, 'table' | 'historyTables'>,
): string {
  const unmark = historyTables.map((name) => {
    const own = historyTable(schema, name);
    return `  if to_regclass(${quoteLiteral(own)}) is not null then
    delete from ${own} where ${isMark({ name: moveMarkName })};
  end if;
`;
  });
  const own = historyTable(schema, table);
  const drop =
    mark?.madeHistory === true
      ? `  if not exists (select from ${own}) then drop table ${own}; end if;\n`
      : '';
  return `DROP FUNCTION IF EXISTS ${tableName({ schema, name: fence })}() CASCADE;
${doBlock(`begin\n${unmark.join('')}${drop}end`)}`;
}
