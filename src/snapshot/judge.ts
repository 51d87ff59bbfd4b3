import type { ReplayDatabase } from '../baseline/replay-in-database.ts';
import { runLogName } from '../history/run-log.ts';
import { parseMigrations } from '../project/migrations.ts';
import { isOrdinarySchema, nameArray } from '../sql/catalog-sql.ts';
import { scriptForTenant } from '../sql/filling.ts';
import type { Script } from '../sql/migration.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { bareName } from '../structure/makers.ts';
import { lostPrivilegesOf } from './lost-privileges.ts';
import { rowStatementsOf } from './row-statements.ts';
import type { Building, BuiltTwins } from './twins.ts';
import { unstableRowsOf } from './unstable.ts';
import { type IsWritten, writtenColumns } from './written-columns.ts';

/**
 * Requires that no owner or privilege depends on who replays the files.
 * @throws SqlmigError `snapshot-refused`.
 */
export async function requirePrivileges(building: Building, role: string, schema: string): Promise<void> {
  const { base, own } = await scriptsOf(building, schema);
  const found = await lostPrivilegesOf([...base, ...own], { role, judged: filesOf(own) });
  if (found === null) return;
  throw building.refuse(
    `${found.file}:${found.line} ${found.why}`,
    'write the snapshot as a role that no file names, such as with --embedded; leave out a REVOKE without effect',
  );
}

/**
 * Requires that the rows do not depend on what can change. Returns the columns that the files write.
 * @throws SqlmigError `snapshot-refused`.
 */
export async function requireStable(
  building: Building,
  { first, second }: Pick<BuiltTwins, 'first' | 'second'>,
): Promise<IsWritten> {
  const { database, refuse } = building;
  const shared = await readRelations(database, [first.name, second.name]);
  const { base, own, public: others } = await scriptsOf(building, first.name);
  const statements = await rowStatementsOf([...others, ...base, ...own]);
  const built = {
    publicSchema: database.config.publicSchema,
    public: shared,
    tenant: new Set(first.shape.flatMap(({ of, name }) => (of === null ? [bareName(name)] : []))),
  };
  const found = unstableRowsOf(statements, built, filesOf(own));
  if (found === null) return writtenColumns(statements);
  throw refuse(
    `${found.file}:${found.line} inserts rows that may differ in the next tenant: it ${found.why}`,
    'let the application insert such rows, or leave the value to the default of its column',
  );
}

/**
 * The parsed files of a tenant: public files, the files that run before the snapshot, and the files of the snapshot.
 */
async function scriptsOf({ files: { all, kind } }: Building, schema: string) {
  const parsed = async (migrations: typeof all, scope: 'public' | 'tenant'): Promise<Script[]> => {
    const scripts = await parseMigrations(migrations[scope], migrations);
    return [...scripts.values()].map((script) => scriptForTenant(script, schema));
  };
  return {
    public: await parsed(all, 'public'),
    base: kind === undefined ? [] : await parsed(all, 'tenant'),
    own: await parsed(kind ?? all, 'tenant'),
  };
}

function filesOf(scripts: readonly Script[]): ReadonlySet<string> {
  return new Set(scripts.map(({ migration }) => migration.file));
}

/** The relations outside of tenants. */
async function readRelations(
  { session, config: { historyTable } }: ReplayDatabase,
  tenants: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await session.read(
    `select distinct c.relname::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and ${isOrdinarySchema} and n.nspname <> all(${nameArray(tenants)}) and c.relname not in (${quoteLiteral(historyTable)}, ${quoteLiteral(runLogName(historyTable))})`,
  );
  return new Set(rows.map(({ name }) => String(name)));
}
