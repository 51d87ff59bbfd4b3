import { digestSql, historyTable } from '../history/history.ts';
import type { HistoryDigest } from '../history/read-histories.ts';
import { creating } from '../protocol/bootstrap.ts';
import type { UnitContext } from '../protocol/unit-context.ts';
import { begin } from '../protocol/unit-settings.ts';
import type { Scope } from '../results.ts';
import type { Session } from '../server/session.ts';
import { doBlock, quoteIdentifier, quoteLiteral } from '../sql/quote.ts';

// The digest of a history is stored as the comment on its table, so that one catalog query reads the digests of all tenants.
// A trigger removes it when rows change, so it may be missing but never wrong. It is used only while the trigger exists and
// is enabled with ALWAYS.
const trigger = 'sqlmig_digest';
const forget = 'sqlmig_forget_digest';
const mark = 'sqlmig digest';

/** Reads the stored digests that are still valid, by schema. */
export async function readStoredDigests(
  session: Session,
  { publicSchema, table }: Pick<UnitContext, 'publicSchema' | 'table'>,
): Promise<Map<string, HistoryDigest>> {
  const rows = await session.read(`select n.nspname as schema, d.description as kept, c.oid::text as oid
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_description d on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = 0
join pg_catalog.pg_trigger t on t.tgrelid = c.oid and ${firesAlways(publicSchema)}
where c.relname = ${quoteLiteral(table)} and c.relkind = 'r' and d.description like ${quoteLiteral(`${prefix(session)}%`)}`);
  const kept = new Map<string, HistoryDigest>();
  for (const row of rows) {
    const [, oid, scope, digest] =
      /^(\d+) (public|tenant) (.+)$/.exec(String(row.kept).slice(prefix(session).length)) ?? [];
    // A copy of the table has a copy of its comment (pg_dump, CREATE TABLE ... LIKE).
    if (digest !== undefined && oid === row.oid)
      kept.set(String(row.schema), { scope: scope as Scope, digest });
  }
  return kept;
}

const atOnce = 50;

/**
 * Stores the digest of each of these schemas' histories. It skips a history that another session is writing to, that is
 * gone, that the role does not own, or whose table has another comment.
 */
export async function storeDigests(
  session: Session,
  schemas: readonly string[],
  context: UnitContext,
): Promise<void> {
  if (schemas.length === 0) return;
  await session.run(createFunction(context));
  for (let from = 0; from < schemas.length; from += atOnce) {
    const some = schemas.slice(from, from + atOnce);
    await session.run(some.map((schema) => storeDigest(schema, context, prefix(session))).join(''));
  }
}

// Digests of different major versions of PostgreSQL are not comparable.
function prefix({ server }: Session): string {
  return `${mark} ${Math.floor(server.version / 10_000)} `;
}

/** SQL condition on pg_trigger: sqlmig's trigger exists and always fires. */
function firesAlways(publicSchema: string): string {
  return `tgname = ${quoteLiteral(trigger)} and tgenabled = 'A' and tgfoid = to_regproc(${quoteLiteral(functionName(publicSchema))})`;
}

function functionName(publicSchema: string): string {
  return `${quoteIdentifier(publicSchema)}.${forget}`;
}

// SECURITY DEFINER: a role that may change rows need not own the table, but COMMENT requires its owner.
function createFunction(context: UnitContext): string {
  const name = functionName(context.publicSchema);
  const body = `begin
  if obj_description(tg_relid, 'pg_class') like ${quoteLiteral(`${mark} %`)} then
    execute format('comment on table %I.%I is null', tg_table_schema, tg_table_name);
  end if;
  return null;
end`;
  return creating(
    `  if to_regproc(${quoteLiteral(name)}) is null then
    create function ${name}() returns trigger language plpgsql security definer
      set search_path = pg_catalog, pg_temp as ${quoteLiteral(body)};
  end if;`,
    context,
  );
}

// The lock keeps writers out until the commit: earlier rows are in the digest, later ones fire the trigger.
function storeDigest(schema: string, context: UnitContext, start: string): string {
  const { publicSchema, table } = context;
  const own = historyTable(schema, table);
  return `${begin(context)}${doBlock(`declare kept text;
begin
  lock table ${own} in share row exclusive mode nowait;
  kept := obj_description(${quoteLiteral(own)}::regclass, 'pg_class');
  if kept is not null and kept not like ${quoteLiteral(`${mark} %`)} then return; end if;
  if not exists (select from pg_catalog.pg_trigger where tgrelid = ${quoteLiteral(own)}::regclass and ${firesAlways(publicSchema)}) then
    drop trigger if exists ${trigger} on ${own};
    create trigger ${trigger} after insert or update or delete or truncate on ${own}
      for each statement execute function ${functionName(publicSchema)}();
    alter table ${own} enable always trigger ${trigger};
  end if;
  select ${quoteLiteral(start)} || ${quoteLiteral(own)}::regclass::oid || ' ' || min(scope) || ' ' || ${digestSql} into kept from ${own};
  execute format('comment on table %s is %L', ${quoteLiteral(own)}, kept);
exception when lock_not_available or undefined_table or invalid_schema_name or insufficient_privilege then null;
end`)}COMMIT;
`;
}
