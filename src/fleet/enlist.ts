import { SqlmigError } from '../errors.ts';
import { asSqlmigError } from '../execute/failure.ts';
import type { Reader } from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import { kindsOf } from '../project/scope-view.ts';
import type { SchemaOutcome } from '../results.ts';
import type { Run } from '../run/run.ts';
import { listsTenant, registerTenant } from '../tenants/tenants.ts';
import { atVersion } from '../text/unmanaged.ts';

/** Whether the tenant source lists a tenant. */
export function isListed(run: Run, name: string): Promise<boolean> {
  return run.read((_, reader) => listsName(run, reader, name));
}

/** Whether the tenant source or the source of a kind lists a tenant. */
export async function isListedSomewhere(run: Run, name: string): Promise<boolean> {
  if (await isListed(run, name)) return true;
  for (const config of kindsOf(run.config)) {
    // Any schema could be of a kind that is known only by its histories.
    const isKnown = config.database.tenants.kind !== 'history';
    if (isKnown && (await isListed({ ...run, config }, name))) return true;
  }
  return false;
}

/**
 * Whether the source lists a tenant before it is created.
 * @throws SqlmigError `unlisted-tenant` if a list or a pattern does not: creating the tenant cannot change that.
 */
export async function isListedBefore(run: Run, name: string): Promise<boolean> {
  const listed = await isListed(run, name);
  if (!listed && ['list', 'pattern'].includes(run.config.database.tenants.kind))
    throw unlisted(run.config, name, { state: 'nothing was created' });
  return listed;
}

/**
 * Whether the tenant source, or the source of a kind, still lists a tenant whose schema is gone. Patterns and histories
 * find only existing schemas.
 */
export async function isStillListed(run: Run, name: string): Promise<boolean> {
  for (const config of [run.config, ...kindsOf(run.config)]) {
    const { kind } = config.database.tenants;
    if (kind !== 'history' && kind !== 'pattern' && (await isListed({ ...run, config }, name))) return true;
  }
  return false;
}

/**
 * Registers a complete tenant with the config's `register` statement if the source does not list it. If the source still
 * does not list it, the outcome has the error `unlisted-tenant`.
 */
export async function enlist(run: Run, outcome: SchemaOutcome): Promise<SchemaOutcome> {
  const { config, database } = run;
  const { schema } = outcome;
  const state = `${schema} is ${atVersion(outcome)}, and no run will migrate it again until it is listed`;
  const withError = ({ details }: SqlmigError) => ({ ...outcome, error: { ...details, schema, database } });
  try {
    return (await register(run, schema)) ? outcome : withError(unlisted(config, schema, { state }));
  } catch (error) {
    return withError(unlisted(config, schema, { state, cause: asSqlmigError(error) }));
  }
}

/** Registers a tenant unless it is listed already; returns whether it is listed now. */
async function register(run: Run, name: string): Promise<boolean> {
  const { database, publicSchema } = run.config;
  const sql = database.tenants.kind === 'query' ? database.tenants.register : null;
  if (sql === null) return isListed(run, name);
  try {
    // If the connection is lost at COMMIT, this runs again, so it checks first.
    await run.read(async (session, reader) => {
      if (!(await listsName(run, reader, name))) await registerTenant(session, { sql, publicSchema }, name);
    });
  } catch (error) {
    // A concurrent sign-up may have registered it in the meantime.
    if (!(await isListed(run, name))) throw error;
  }
  return isListed(run, name);
}

function listsName({ config }: Run, reader: Reader, name: string): Promise<boolean> {
  const { historyTable: table, publicSchema, database } = config;
  return listsTenant(database.tenants, name, { ...reader, publicSchema, table, digests: new Map() });
}

const hints = {
  query:
    'insert it into the table that the query reads, add a "register" statement to "tenants", or accept it with --unlisted',
  list: 'add it to the list, or accept it with --unlisted',
  pattern: 'choose a name that matches the pattern, or accept it with --unlisted',
  function: 'return it from the function, or accept it with --unlisted',
  history: undefined,
};

/** The error for a tenant that the source does not list. */
export function unlisted(
  { scope, database: { tenants } }: Config,
  name: string,
  { state, cause }: { readonly state: string; readonly cause?: SqlmigError },
): SqlmigError {
  const why = cause === undefined ? '' : `: ${cause.message}`;
  const hasRegister = tenants.kind === 'query' && tenants.register !== null;
  const place = scope === null ? 'the config' : `scope ${scope.name}`;
  const message = `the ${tenants.kind} in "tenants" of ${place} does not list "${name}"${why}`;
  return new SqlmigError('unlisted-tenant', message, {
    state,
    sqlstate: cause?.details.sqlstate,
    hint: hasRegister
      ? 'correct "register" in the config: after it runs, the query must return $1'
      : hints[tenants.kind],
    cause,
  });
}
