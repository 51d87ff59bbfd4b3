import type { Session } from '../server/session.ts';
import { arrayOf, schemaOid, schemasOnPath, searchPathAmong } from '../sql/catalog-sql.ts';
import { quoteLiteral } from '../sql/quote.ts';

/** An extension in the schema. */
export interface ExtensionHere {
  readonly name: string;
  readonly isRelocatable: boolean;
}

/** A role with privileges on objects that would move, or with sessions or settings. */
export interface RoleSessions {
  readonly role: string;
  /** Its `search_path` for new sessions. */
  readonly searchPath: string;
  /** New sessions find the tenant before public. */
  readonly isReady: boolean;
  readonly sessions: number;
  /** When the oldest of them began, ISO 8601. */
  readonly oldest: string | null;
  /** How many began before its `search_path` was set; `null` if the server does not record that. */
  readonly older: number | null;
}

/** A privilege, as SQL. */
export interface Grant {
  readonly privilege: string;
  /** `PUBLIC`, or a role, quoted. */
  readonly grantee: string;
  readonly grantable: boolean;
}

/** A default privilege of the schema, as SQL without its schema. */
export interface DefaultPrivilege extends Grant {
  readonly role: string;
  /** `TABLES` and so on. */
  readonly on: string;
}

/** The surroundings of a schema, which do not move with its objects. */
export interface Surroundings {
  /** OID of the schema; `null` if it does not exist. */
  readonly oid: string | null;
  readonly owner: string;
  /** The future owner of the tenant's schema, as SQL. */
  readonly tenantOwner: string;
  readonly isOwned: boolean;
  readonly comment: string | null;
  /** The privileges on the schema, except for its owner's. */
  readonly grants: readonly Grant[];
  /** The new schema already exists. */
  readonly isTaken: boolean;
  readonly mayCreate: boolean;
  readonly isSuperuser: boolean;
  /** The role, quoted. */
  readonly self: string;
  /** The new schema's name as SQL. */
  readonly as: string;
  readonly extensions: readonly ExtensionHere[];
  /** Publications of all tables in the schema. */
  readonly publications: readonly string[];
  /** Publications with single tables of the schema. */
  readonly tablePublications: readonly string[];
  readonly slots: readonly string[];
  readonly subscriptions: readonly string[];
  readonly defaults: readonly DefaultPrivilege[];
  /** Room for locks: a lower bound. */
  readonly lockRoom: number;
  readonly deadlockMs: number;
  /** Transactions that have been open for more than ten seconds, as `pid application`. */
  readonly longTransactions: readonly string[];
}

const grantee = (oid: string) =>
  `case when ${oid} = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(${oid})) end`;
const list = (query: string) => `(select coalesce(json_agg(x), '[]') from (${query}) x)`;
const namesOf = (query: string) =>
  `(select coalesce(json_agg(x.name order by x.name), '[]') from (${query}) x)`;

/** Reads the surroundings of a schema that will become `as`. */
export async function readSurroundings(session: Session, schema: string, as: string): Promise<Surroundings> {
  const here = schemaOid(schema);
  const hasSchemaPublications = session.server.version >= 150_000;
  const published = hasSchemaPublications
    ? namesOf(
        `select p.pubname as name from pg_publication p join pg_publication_namespace s on s.pnpubid = p.oid where s.pnnspid = ${here}`,
      )
    : `'[]'::json`;
  const [row] = await session.read(`select ${here}::text as oid,
  (select quote_ident(pg_get_userbyid(nspowner)) from pg_namespace where oid = ${here}) as owner,
  (select quote_ident(case when not (select rolsuper from pg_roles where rolname = current_user) then current_user
      when nspowner <> 'pg_database_owner'::regrole then pg_get_userbyid(nspowner)
      else (select pg_get_userbyid(datdba) from pg_database where datname = current_database()) end) from pg_namespace where oid = ${here}) as "tenantOwner",
  (select pg_has_role(nspowner, 'USAGE') from pg_namespace where oid = ${here}) as "isOwned",
  obj_description(${here}, 'pg_namespace') as comment,
  ${list(`select ${grantee('a.grantee')} as grantee, a.privilege_type as privilege, a.is_grantable as grantable
    from pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a where n.oid = ${here} and a.grantee <> n.nspowner`)} as grants,
  to_regnamespace(quote_ident(${quoteLiteral(as)})) is not null as "isTaken",
  has_database_privilege(current_database(), 'CREATE') as "mayCreate",
  (select rolsuper from pg_roles where rolname = current_user) as "isSuperuser",
  quote_ident(current_user) as self, quote_ident(${quoteLiteral(as)}) as "as",
  ${list(`select extname as name, extrelocatable as "isRelocatable" from pg_extension where extnamespace = ${here} order by extname`)} as extensions,
  ${published} as publications,
  ${namesOf(`select distinct p.pubname as name from pg_publication p left join pg_publication_rel r on r.prpubid = p.oid
    left join pg_class c on c.oid = r.prrelid where p.puballtables or c.relnamespace = ${here}`)} as "tablePublications",
  ${namesOf(`select slot_name as name from pg_replication_slots where slot_type = 'logical' and database = current_database()`)} as slots,
  ${namesOf(`select distinct s.subname as name from pg_subscription s join pg_subscription_rel r on r.srsubid = s.oid
    join pg_class c on c.oid = r.srrelid where c.relnamespace = ${here}`)} as subscriptions,
  ${list(`select quote_ident(pg_get_userbyid(d.defaclrole)) as role,
    case d.defaclobjtype when 'r' then 'TABLES' when 'S' then 'SEQUENCES' when 'f' then 'FUNCTIONS' when 'T' then 'TYPES' end as "on",
    a.privilege_type as privilege, ${grantee('a.grantee')} as grantee, a.is_grantable as grantable
    from pg_default_acl d, aclexplode(d.defaclacl) a where d.defaclnamespace = ${here}`)} as defaults,
  current_setting('max_locks_per_transaction')::int8 * (current_setting('max_connections')::int8 + current_setting('max_prepared_transactions')::int8) as room,
  (select setting::int from pg_settings where name = 'deadlock_timeout') as "deadlockMs",
  ${namesOf(`select pid || ' ' || application_name as name from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
    and xact_start < clock_timestamp() - interval '10 s'`)} as "longTransactions"`);
  const { room, ...rest } = row ?? {};
  return { ...rest, lockRoom: Number(room) } as unknown as Surroundings;
}

/** Reads the roles that log in and have sessions or a `search_path` of their own, or hold privileges in the schema. */
export async function readRoles(session: Session, schema: string, as: string): Promise<RoleSessions[]> {
  const set = (database: string, role: string) =>
    `(select ${searchPathAmong('s.setconfig')} from pg_db_role_setting s where s.setdatabase = ${database} and s.setrole = ${role})`;
  const db = '(select oid from pg_database where datname = current_database())';
  const at = (database: string, role: string) =>
    `(select pg_xact_commit_timestamp(s.xmin) from pg_db_role_setting s where s.setdatabase = ${database} and s.setrole = ${role})`;
  const tracks = await session.read(`select current_setting('track_commit_timestamp')::bool as tracks`);
  const since =
    tracks[0]?.tracks === true ? `greatest(${at(db, 'r.oid')}, ${at('0', 'r.oid')})` : 'null::timestamptz';
  const rows = await session.read(`select * from (select r.rolname as role,
    coalesce(${set(db, 'r.oid')}, ${set('0', 'r.oid')}, ${set(db, '0')}, (select reset_val from pg_settings where name = 'search_path' and ${set(db, '0')} is null), '"$user", public') as path,
    ${since} as since,
    count(a.pid)::int as sessions, to_char(min(a.backend_start) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as oldest,
    count(a.pid) filter (where a.backend_start < ${since})::int as older
  from pg_roles r left join pg_stat_activity a on a.usesysid = r.oid and a.datname = current_database() and a.backend_type = 'client backend'
    and a.pid <> pg_backend_pid() and a.application_name !~ '^sqlmig '
  where r.rolcanlogin group by r.oid, r.rolname) roles
where sessions > 0 or exists (select from pg_db_role_setting s join pg_roles r on r.oid = s.setrole
    where r.rolname = role and ${searchPathAmong('s.setconfig')} is not null and s.setdatabase in (0, ${db}))
  or exists (select from pg_class c, aclexplode(c.relacl) x join pg_roles r on r.oid = x.grantee where r.rolname = role
    and c.relnamespace = ${schemaOid(schema)} and x.grantee <> c.relowner)
order by role`);
  const paths = rows.map(({ path }) => String(path));
  const order =
    await session.read(`select array_position(p.path, ${quoteLiteral(as)}) < coalesce(array_position(p.path, ${quoteLiteral(schema)}), 999) as ready
from unnest(${arrayOf(paths, 'text')}) with ordinality as paths (setting, i), lateral (select ${schemasOnPath('paths.setting')} as path) p order by paths.i`);
  return rows.map(({ role, path, sessions, oldest, older, since: known }, i) => ({
    role: String(role),
    searchPath: String(path),
    isReady: order[i]?.ready === true,
    sessions: Number(sessions),
    oldest: oldest as string | null,
    older: known === null ? null : Number(older),
  }));
}
