import type { Session } from '../server/session.ts';
import { isOrdinarySchema, nameArray } from '../sql/catalog-sql.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { differences, readStructure, type Structure } from '../structure/structure.ts';

/** What a database contains outside of some schemas. */
export interface Outside {
  readonly structure: Structure;
  /** A digest by table, as SQL writes its name, and one by kind of object that belongs to no schema. */
  readonly digests: ReadonlyMap<string, string>;
}

// Objects without a schema that a tenant file could create (PostgreSQL documentation, System Catalogs).
const global: Readonly<Record<string, string>> = {
  pg_extension: 'an extension',
  pg_publication: 'a publication',
  pg_publication_rel: 'a publication',
  pg_publication_namespace: 'a publication',
  pg_event_trigger: 'an event trigger',
  pg_foreign_data_wrapper: 'a foreign-data wrapper',
  pg_foreign_server: 'a foreign server',
  pg_user_mappings: 'a user mapping',
  pg_language: 'a language',
  pg_cast: 'a cast',
  pg_transform: 'a transform',
  pg_am: 'an access method',
  pg_largeobject_metadata: 'a large object',
  pg_seclabel: 'a security label',
  pg_db_role_setting: 'a setting of the database',
};

const conditions: Readonly<Record<string, string>> = {
  // A range brings a cast to its multirange.
  pg_cast: `not ${isInternal('pg_cast', 'x.oid')}`,
  // The whole server shares this table, so other sessions may change settings of roles in the meantime.
  pg_db_role_setting:
    'x.setdatabase = (select d.oid from pg_database d where d.datname = current_database())',
};

/** Reads what a database contains outside of these schemas; `runLog` is the table in which runs are recorded. */
export async function readOutside(
  session: Session,
  except: readonly string[],
  runLog: string,
): Promise<Outside> {
  const schemas = await session.read(
    `select n.nspname::text as name from pg_namespace n where ${isOrdinarySchema} and n.nspname <> all(${nameArray(except)})`,
  );
  const names = schemas.map(({ name }) => String(name));
  const tables = await session.read(`select format('%I.%I', n.nspname, c.relname) as path
from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = any(${nameArray(names)}) and c.relkind in ('r', 'S') and c.relname <> ${quoteLiteral(runLog)} order by c.oid::regclass::text`);
  const known = Object.keys(global).map((name) => `'${name}'`);
  const catalogs = await session.read(
    `select relname::text as name from pg_class where relnamespace = 'pg_catalog'::regnamespace and relname in (${known.join(', ')}) and has_table_privilege(oid, 'SELECT')`,
  );
  const texts = [
    ...tables.map(({ path }) => [String(path), digestOf(`${path} x`)] as const),
    ...catalogs.map(({ name }) => {
      const from = `pg_catalog.${name} x where ${conditions[String(name)] ?? 'true'}`;
      return [global[String(name)] ?? '', digestOf(from)] as const;
    }),
    ['a schema', `select md5('${[...names].sort().join(' ').replaceAll("'", "''")}') as digest`] as const,
  ];
  const digests = new Map<string, string>();
  for (const [name, sql] of texts) {
    const [row] = await session.read(sql);
    digests.set(name, `${digests.get(name) ?? ''} ${row?.digest}`);
  }
  const structure = await readStructure(session, names);
  return {
    structure: new Map([...structure].filter(([, { name }]) => !name.endsWith(runLog))),
    digests,
  };
}

// `x::text` fails for sequences, which have no row type.
function digestOf(from: string): string {
  return `select md5(string_agg(row(x.*)::text, ',' order by row(x.*)::text collate "C")) as digest from ${from}`;
}

function isInternal(catalog: string, oid: string): string {
  return `exists (select from pg_depend d where d.classid = '${catalog}'::regclass and d.objid = ${oid} and d.deptype = 'i')`;
}

/** What has changed between two readings, in words. */
export function changedOutside(before: Outside, after: Outside): string[] {
  const objects = differences(before.structure, after.structure, { grants: false, rows: false });
  const other = [...new Set([...before.digests.keys(), ...after.digests.keys()])].filter(
    (name) => before.digests.get(name) !== after.digests.get(name),
  );
  const rows = other.filter((name) => !Object.values(global).includes(name) && name !== 'a schema');
  return [
    ...objects.map((what) => `it ${what}`),
    ...rows.map((table) => `it changes rows of ${table}`),
    ...other.filter((name) => !rows.includes(name)).map((kind) => `it creates or changes ${kind}`),
  ];
}
