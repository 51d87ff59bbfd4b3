import { isConnectionError, SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { migrateFleet } from '../fleet/migrate-fleet.ts';
import type { Config } from '../project/config.ts';
import type { Migrations } from '../project/migrations.ts';
import { kindsOf, wholeOf } from '../project/scope-view.ts';
import type { ScopeConfig } from '../project/scopes.ts';
import { everySchema } from '../project/selection.ts';
import type { ErrorDetails, Scope, UpResult } from '../results.ts';
import type { Run } from '../run/run.ts';
import type { MigrateSettings } from '../run/run-options.ts';
import { isServerError } from '../server/server-error.ts';
import { connectTimeoutOf, openSession, type Session } from '../server/session.ts';
import { isOrdinarySchema, nameArray } from '../sql/catalog-sql.ts';
import type { Migration } from '../sql/migration.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { othersOnPath } from '../sql/search-path.ts';
import { readShapeHashes, readShapes } from '../structure/read-shapes.ts';
import { type KnownShape, noObjects } from '../structure/shape.ts';
import { type Furniture, type ReplayableFiles, replayableFiles } from './replayable.ts';
import { interruptedReplay, type Replayed, type ReplayRequest } from './replayed.ts';
import { withScratchDatabase } from './scratch-database.ts';

/** What a replay applies: the files of all tenants, then those of a kind. */
export interface ReplayedFiles {
  readonly all: Migrations;
  readonly kind?: Migrations | undefined;
}

/** A temporary database in which files are replayed. */
export interface ReplayDatabase {
  readonly session: Session;
  readonly config: Config;
  readonly files: ReplayableFiles;
  /** Files that follow those of all tenants, if the replay is that of a kind. */
  readonly kindFiles: ReplayableFiles | null;
  /** Brings public and these tenants up to date with files; returns what fails. */
  migrate(tenants: readonly string[], files: ReplayedFiles, onEvent?: OnEvent): Promise<ErrorDetails | null>;
}

/** A kind of tenants whose files are replayed. */
export interface ReplayedKind {
  readonly scope: ScopeConfig;
  readonly migrations: Migrations;
  readonly covered: readonly Migration[];
}

/**
 * Builds public and one tenant from files, as `up` does, in a temporary database that is dropped afterwards, and reads
 * their structure. It has the extensions of the run's database that the role may create.
 * @throws SqlmigError if there is no such database, or if the signal is aborted.
 */
export function replayInDatabase(run: Run, request: ReplayRequest): Promise<Replayed> {
  return withReplayDatabase(run, request, async ({ session, config, files, migrate }) => {
    const error = await migrate([request.tenant], { all: files.migrations });
    const expected = error === null ? await readExpected(session, config, request) : null;
    return { way: 'database', expected, error, leftOut: files.leftOut };
  });
}

/**
 * Passes an empty database, in which files can be replayed, to `work`, and drops it afterwards. It has the extensions of
 * the run's database that the role may create.
 * @throws SqlmigError if there is no such database, or if the signal is aborted.
 */
export function withReplayDatabase<T>(
  run: Run,
  {
    settings,
    migrations,
    covered,
    kind,
  }: Pick<ReplayRequest, 'settings' | 'migrations' | 'covered'> & {
    readonly kind?: ReplayedKind | undefined;
  },
  work: (database: ReplayDatabase) => Promise<T>,
): Promise<T> {
  return withScratchDatabase(run, settings.emit, async (name) => {
    const config = scratchConfig(run.config, name);
    const { target } = config.database;
    const session = await openSession({
      target,
      applicationName: `sqlmig ${run.runId}`,
      connectTimeoutMs: connectTimeoutOf(target),
      signal: settings.signal,
    });
    try {
      const furniture = await furnish(run, session);
      const files = await replayableFiles(migrations, covered, furniture);
      const ofKind = kind && { public: [], tenant: kind.covered };
      const own = ofKind ? await replayableFiles(kind.migrations, ofKind, furniture) : null;
      return await work({
        session,
        config,
        files,
        kindFiles: own && {
          ...own,
          migrations: { ...own.migrations, public: files.migrations.public },
        },
        migrate: (tenants, given, onEvent = () => {}) =>
          migrate(withTenants(config, { tenants, files: given, kind }), given, {
            ...settings,
            emit: onEvent,
          }),
      });
    } finally {
      await session.close();
    }
  });
}

function scratchConfig(config: Config, name: string): Config {
  const { target, directTarget } = config.database;
  return {
    ...wholeOf(config),
    scopes: [],
    concurrency: 1,
    digest: false,
    database: {
      name: null,
      target: { ...(directTarget ?? target), database: name },
      directTarget: null,
      tenants: { kind: 'list', list: [] },
    },
  };
}

/** The config with these tenants. Those of a kind without files for all tenants are of no other scope. */
function withTenants(
  config: Config,
  {
    tenants: list,
    files,
    kind,
  }: {
    readonly tenants: readonly string[];
    readonly files: ReplayedFiles;
    readonly kind: ReplayedKind | undefined;
  },
): Config {
  const tenants = { kind: 'list', list } as const;
  const isOfKind = kind !== undefined && files.kind !== undefined;
  const hasOthers = !isOfKind || files.all.tenant.length > 0;
  return {
    ...config,
    scopes: isOfKind ? [{ ...kind.scope, tenants }] : [],
    database: { ...config.database, tenants: hasOthers ? tenants : { kind: 'list', list: [] } },
  };
}

/** Creates the extensions of the run's database that the role may create, and the schemas on the tenants' `search_path`. */
async function furnish(run: Run, session: Session): Promise<Furniture> {
  const { publicSchema, searchPath } = run.config;
  const onPath = othersOnPath(searchPath, publicSchema).filter((name) => name !== publicSchema);
  const rows = await run.read((own) =>
    own.read(`select e.extname::text as name, n.nspname::text as schema, case when v.name is not null then e.extversion end as version
from pg_extension e join pg_namespace n on n.oid = e.extnamespace
left join pg_available_extension_versions v on v.name = e.extname and v.version = e.extversion
where e.extname <> 'plpgsql'
union all select null, nspname::text, null from pg_namespace n
where nspname = any(${nameArray(onPath)}) and ${isOrdinarySchema}`),
  );
  const [extensions, schemas] = [new Set<string>(), new Set<string>()];
  for (const { name, schema, version } of rows) {
    const home = quoteIdentifier(String(schema));
    const exact = version === null ? '' : ` version ${quoteLiteral(String(version))}`;
    const extension =
      name === null
        ? ''
        : `create extension if not exists ${quoteIdentifier(String(name))} with schema ${home}${exact} cascade;`;
    try {
      // pg_catalog is there, and IF NOT EXISTS does not help: 42939.
      const made = String(schema).startsWith('pg_') ? '' : `create schema if not exists ${home};`;
      await session.run(`${made} ${extension}`);
      schemas.add(String(schema));
      if (name !== null) extensions.add(String(name));
    } catch (error) {
      // A file that needs the extension fails, and its error says so.
      if (!isServerError(error)) throw error;
    }
  }
  return { extensions, schemas };
}

async function migrate(
  config: Config,
  { all, kind }: ReplayedFiles,
  { signal, lockTimeoutMs, readOnly, emit }: MigrateSettings,
): Promise<ErrorDetails | null> {
  const options = {
    select: everySchema,
    signal,
    lockTimeoutMs,
    onEvent: emit,
    ignoreReadOnly: readOnly === 'ignore',
    temporary: true,
  } as const;
  try {
    const kinds =
      kind === undefined
        ? []
        : kindsOf(config).map((kindConfig) => ({ config: kindConfig, migrations: kind }));
    const result = await migrateFleet([{ config, migrations: all }, ...kinds], options);
    const error = result.ok ? null : errorOf(result);
    const lost = error === null ? null : connectionLost(error);
    if (lost !== null) throw lost;
    return error;
  } catch (error) {
    if (isConnectionError(error) || !(error instanceof SqlmigError) || signal.aborted) throw error;
    return error.details;
  } finally {
    if (signal.aborted)
      // biome-ignore lint/correctness/noUnsafeFinally: an interrupted run has no result
      throw interruptedReplay();
  }
}

function errorOf({ schemas, error }: UpResult): ErrorDetails {
  // Those that were not started only say that another one failed.
  const failed = schemas.find(({ state }) => state === 'failed') ?? schemas.find((schema) => schema.error);
  return failed?.error ?? error ?? { code: 'migration-failed', message: 'the files could not be applied' };
}

/** The error of a connection that was lost, which is no mistake in a file; `null` if a file failed. */
function connectionLost({ code, file, message }: ErrorDetails): SqlmigError | null {
  const hint = 'run the same command again';
  if (code === 'connection-lost') return new SqlmigError(code, message, { hint });
  // No other run uses the database: only the end of a session leaves a statement unfinished.
  if (code !== 'incomplete') return null;
  const lost = `the connection to the temporary database was lost while ${file} ran`;
  return new SqlmigError('connection-lost', lost, { hint });
}

async function readExpected(
  session: Session,
  { publicSchema, historyTable }: Config,
  { tenant, ignore, except = [] }: ReplayRequest,
): Promise<Record<Scope, KnownShape>> {
  const request = { schemas: [publicSchema, tenant], ignore, except, historyTable };
  const hashes = await readShapeHashes(session, request);
  const shapes = await readShapes(session, request);
  const of = (schema: string): KnownShape => ({
    ...(hashes.get(schema) ?? noObjects),
    shape: shapes.get(schema) ?? [],
  });
  return { public: of(publicSchema), tenant: of(tenant) };
}
