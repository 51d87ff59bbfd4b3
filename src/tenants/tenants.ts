import { errorOfAll, SqlmigError, sqlstates } from '../errors.ts';
import { canceledHint } from '../execute/stopped-statement.ts';
import { readLocked } from '../history/locked.ts';
import { schemasWithHistory } from '../history/presence.ts';
import { type HistoryDigest, type Reader, readHistoryDigests } from '../history/read-histories.ts';
import type { TenantSource } from '../project/tenant-source.ts';
import type { Row } from '../server/answer.ts';
import { DeadlineMissed, withDeadline } from '../server/deadline.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { nameArray } from '../sql/catalog-sql.ts';
import { doBlock, quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { shownName, tenantNameProblem } from './tenant-name.ts';
import { runTenantsQuery } from './tenants-query.ts';

/** The tenants of a source, or why they are unknown until public is migrated. */
export type Discovery = Discovered | { readonly unknown: string };

/** The tenants of a source. */
export interface Discovered {
  readonly names: readonly string[];
  /** Values from a query or function that cannot be a tenant's name, each with the error that says why. */
  readonly bad: ReadonlyMap<string, SqlmigError>;
  readonly digests: HistoryDigests;
}

/** The digests of histories, by schema. */
export type HistoryDigests = ReadonlyMap<string, HistoryDigest>;

/** The input for listing tenants. */
interface Listing extends Reader {
  readonly publicSchema: string;
  readonly table: string;
  /** Histories that need not be read again. */
  readonly digests: HistoryDigests;
}

/**
 * Lists the tenants of a database. A history that cannot be read is listed as well: it may be a tenant's.
 * @throws SqlmigError `bad-tenant-name` for every bad name of a list, `tenants-query-failed` if the source itself fails for
 *   another reason than a table that public files may still create.
 */
export async function discoverTenants(source: TenantSource, listing: Listing): Promise<Discovery> {
  let names: readonly unknown[];
  let digests = listing.digests;
  try {
    if (source.kind === 'history') {
      const ours = await scanAll(listing);
      digests = ours.read;
      names = ours.names;
    } else names = await namesOf(source, listing);
  } catch (error) {
    const reason = error instanceof Error ? error.message : shownName(error);
    const missingObject: string[] = [
      sqlstates.undefinedTable,
      sqlstates.undefinedColumn,
      sqlstates.undefinedFunction,
    ];
    if (isServerError(error) && missingObject.includes(error.code)) return { unknown: reason };
    if (error instanceof SqlmigError || !(isServerError(error) || source.kind === 'function')) throw error;
    const isCanceled = isServerError(error) && error.code === sqlstates.queryCanceled;
    throw tenantsQueryFailed(reason, error, isCanceled ? await canceledHint(listing.session) : undefined);
  }
  const good = new Set<string>();
  const bad = new Map<string, SqlmigError>();
  for (const name of names) {
    const problem = tenantNameProblem(name, listing.publicSchema);
    if (problem === null) good.add(name as string);
    else bad.set(shownName(name), badName(problem));
  }
  // A bad name in the config is wrong for every run; a bad row of a query must not stop the other tenants.
  if (source.kind === 'list' && bad.size > 0) throw errorOfAll([...bad.values()]);
  return { names: [...good], bad, digests };
}

function badName(problem: string): SqlmigError {
  return new SqlmigError('bad-tenant-name', problem, {
    state: 'not touched',
    hint: 'correct "tenants" in the config, or the data it reads',
  });
}

/**
 * Whether a source lists a tenant, or will once its schema exists.
 * @throws SqlmigError as `discoverTenants` does, and if the tenants are unknown.
 */
export async function listsTenant(source: TenantSource, name: string, listing: Listing): Promise<boolean> {
  switch (source.kind) {
    case 'history':
      return true;
    case 'pattern': {
      const fits = `${quoteLiteral(name)}::name like ${quoteLiteral(source.pattern)}`;
      return firstColumn(await listing.session.read(`select ${fits}`))[0] === true;
    }
    default: {
      const found = await discoverTenants(source, listing);
      if ('unknown' in found) throw tenantsQueryFailed(found.unknown);
      return found.names.includes(name);
    }
  }
}

/** The statement of a config that adds a tenant to the list of tenants, with its name as `$1`. */
interface Registration {
  readonly sql: string;
  readonly publicSchema: string;
}

/** Runs the config's registration for a tenant, in the public schema. */
export async function registerTenant(
  session: Session,
  { sql, publicSchema }: Registration,
  name: string,
): Promise<void> {
  // A message of the simple protocol has no parameters; EXECUTE ... USING has.
  const bound = doBlock(`begin execute ${quoteLiteral(sql)} using ${quoteLiteral(name)}::text; end`);
  await session.run(`START TRANSACTION;
SET LOCAL search_path = ${quoteIdentifier(publicSchema)};
${bound}COMMIT;`);
}

/** The error for a tenant source that cannot be read. Without a `cause`, an object that it names does not exist. */
export function tenantsQueryFailed(
  reason: string,
  cause?: unknown,
  hint = cause === undefined ? missingHint : 'check "tenants" in the config',
): SqlmigError {
  return new SqlmigError('tenants-query-failed', `the tenants cannot be listed: ${reason}`, {
    sqlstate: isServerError(cause) ? cause.code : undefined,
    hint,
    cause,
  });
}

const missingHint =
  'if a public file creates it, first run sqlmig up --public; otherwise check "tenants" in the config';

async function namesOf(
  source: Exclude<TenantSource, { kind: 'history' }>,
  listing: Listing,
): Promise<readonly unknown[]> {
  const { session, publicSchema } = listing;
  switch (source.kind) {
    case 'list':
      return source.list;
    case 'function': {
      const names = await resultInTime(source.load(), listing.signal);
      if (!Array.isArray(names)) throw new Error('the function in "tenants" must return an array of names');
      return names;
    }
    case 'pattern':
      return firstColumn(
        await session.read(`select nspname::text from pg_catalog.pg_namespace
where nspname like ${quoteLiteral(source.pattern)} and nspname !~ '^pg_' and nspname not in ('information_schema', ${quoteLiteral(publicSchema)})
order by nspname collate "C"`),
      );
    case 'query':
      return readLocked(listing, { what: 'the tenants', schema: publicSchema, tables: null }, (limit) =>
        runTenantsQuery(session, { query: source.query, publicSchema, limit }),
      );
  }
}

/** The names that match a pattern. */
export async function matchingNames(
  session: Session,
  pattern: string,
  names: readonly string[],
): Promise<string[]> {
  if (names.length === 0) return [];
  const rows = await session.read(
    `select name::text from unnest(${nameArray(names)}) n (name) where name like ${quoteLiteral(pattern)} order by name collate "C"`,
  );
  return firstColumn(rows).map(String);
}

const functionMs = 60_000;

/** Waits for the result of the function in a config. @throws SqlmigError `interrupted`; Error after a minute. */
async function resultInTime(names: unknown, signal: AbortSignal | undefined): Promise<unknown> {
  try {
    return await withDeadline(Promise.resolve(names), functionMs, signal);
  } catch (error) {
    if (!(error instanceof DeadlineMissed)) throw error;
    if (signal?.aborted === true)
      throw new SqlmigError('interrupted', 'interrupted while the function in "tenants" was running', {
        hint: 'run it again',
      });
    throw new Error(`the function in "tenants" did not return within ${functionMs / 1000} s`);
  }
}

function firstColumn(rows: readonly Row[]): unknown[] {
  return rows.map((row) => Object.values(row)[0]);
}

/** The schemas with a sqlmig history of scope tenant, or one that cannot be read, and all digests. */
async function scanAll({
  publicSchema,
  table,
  digests,
  ...reader
}: Listing): Promise<{ readonly names: readonly string[]; readonly read: HistoryDigests }> {
  const ours = (await schemasWithHistory(reader.session, table)).filter((schema) => schema !== publicSchema);
  const unknown = ours.filter((schema) => !digests.has(schema));
  const { read, refused } = await readHistoryDigests(reader, unknown, table);
  const all = new Map([...digests, ...read]);
  return {
    names: ours.filter((schema) => all.get(schema)?.scope === 'tenant' || refused.has(schema)),
    read: new Map(
      ours.flatMap((schema) => {
        const digest = all.get(schema);
        return digest === undefined ? [] : [[schema, digest] as const];
      }),
    ),
  };
}
