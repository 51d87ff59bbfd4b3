import type { Session } from '../server/session.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { grantSql } from './privileges.ts';

/** What a tenant file can set for its schema itself. */
export interface SchemaSettings {
  readonly comment: string | null;
  /** Privileges as shapes list them; `null` for the privileges of a new schema. */
  readonly grants: string | null;
  /** The owner, if it is not the role that creates it. */
  readonly owner: string | null;
}

/** Reads the settings of a schema. */
export async function readSchemaSettings(session: Session, schema: string): Promise<SchemaSettings> {
  const [row] = await session.read(`select obj_description(n.oid, 'pg_namespace') as comment,
  nullif(quote_ident(pg_get_userbyid(n.nspowner)), quote_ident(current_user)) as owner,
  (select string_agg(g.who || ': ' || g.what, '; ' order by g.who collate "C") from (
    select case when a.grantee = 0 then 'public' when a.grantee = n.nspowner then '(owner)' else quote_ident(pg_get_userbyid(a.grantee)) end as who,
      lower(string_agg(a.privilege_type || case when a.is_grantable then ' with grant option' else '' end, ', ' order by a.privilege_type)) as what
    from aclexplode(n.nspacl) a group by 1) g) as grants
from pg_namespace n where n.nspname = ${quoteLiteral(schema)}`);
  return {
    comment: row?.comment as string | null,
    grants: row?.grants as string | null,
    owner: row?.owner as string | null,
  };
}

/** SQL that gives a new schema these settings. */
export function schemaSettingsSql({ comment, grants, owner }: SchemaSettings, schema: string): string[] {
  const usual = { owner: /^create, usage$/, everybody: '' };
  return [
    ...(comment === null ? [] : [`comment on schema ${schema} is ${quoteLiteral(comment)}`]),
    ...(owner === null ? [] : [`alter schema ${schema} owner to ${owner}`]),
    ...(grants === null
      ? []
      : grantSql(grants, { on: `schema ${schema}`, owner: owner ?? 'current_user', usual })),
  ];
}
