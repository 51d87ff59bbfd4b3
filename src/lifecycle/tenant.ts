import { SqlmigError, withHint } from '../errors.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { findSchemas } from '../history/presence.ts';
import {
  type Histories,
  type HistoryDigest,
  type Reader,
  readHistoryDigests,
} from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import { kindsOf } from '../project/scope-view.ts';
import type { Run } from '../run/run.ts';
import { tenantRequests } from '../state/plan-source.ts';
import { readTargets, type Target } from '../state/target.ts';
import { findTroubles } from '../state/trouble.ts';
import { readUnknownScopes } from '../state/unknown-scopes.ts';

/** A schema, and whether it has the history of a tenant. */
export interface FoundTenant {
  readonly target: Target;
  readonly isTenant: boolean;
  /** It has a history of the files of all tenants. */
  readonly isOfAll: boolean;
  /** The kinds of tenants of which it has a history. */
  readonly scopes: readonly string[];
}

/** Reads a schema that may be a tenant's. A half-dropped schema counts as one. */
export async function findTenant({ run, source }: MigrationRun, name: string): Promise<FoundTenant> {
  const { config } = source;
  const { historyTable } = config;
  return run.read(async (_, reader) => {
    const [target] = await readTargets(tenantRequests(source, [name]), reader, historyTable);
    if (target === undefined) throw new RangeError('one request gives one target');
    const digests = target.hasHistory ? await readHistoryDigests(reader, [name], historyTable) : null;
    const isOfAll = target.hasHistory && digests?.read.get(name)?.scope !== 'public';
    const scopes = target.exists ? await scopesOfTenant(reader, config, name) : [];
    const isTenant = isOfAll || target.trouble?.code === 'half-dropped' || scopes.length > 0;
    return { target, isTenant, isOfAll, scopes };
  });
}

/** The names of the kinds of which a schema has a history. */
export async function scopesOfTenant(reader: Reader, config: Config, name: string): Promise<string[]> {
  const scopes: string[] = [];
  for (const { scope, histories } of await readKindHistories(reader, config, name))
    if (histories.read.get(name)?.scope === 'tenant') scopes.push(scope);
  return scopes;
}

/** A table of a schema that is named like the history of a kind. */
interface KindHistory {
  readonly scope: string;
  readonly table: string;
  readonly histories: Histories<HistoryDigest>;
}

async function readKindHistories(reader: Reader, config: Config, name: string): Promise<KindHistory[]> {
  const kinds: KindHistory[] = [];
  for (const { scope, historyTable: table } of kindsOf(config)) {
    const present = await findSchemas(reader.session, [name], table);
    if (scope === null || present.get(name)?.hasTable !== true) continue;
    kinds.push({ scope: scope.name, table, histories: await readHistoryDigests(reader, [name], table) });
  }
  return kinds;
}

/**
 * Requires that the scopes of which a tenant has a history are known.
 * @throws SqlmigError `not-reproducible` if the config does not have one; the trouble of a history that cannot be read.
 */
export async function requireKnownScopes(run: Run, name: string): Promise<void> {
  const histories = await run.read((_, reader) => readKindHistories(reader, run.config, name));
  for (const {
    table,
    histories: { refused },
  } of histories) {
    const troubles = await run.read((session) => findTroubles(session, refused, table));
    for (const trouble of troubles.values()) throw trouble;
  }
  const unknown = await run.read((session) => readUnknownScopes(session, run.config));
  const scope = unknown.find(({ schemas }) => schemas.includes(name));
  if (scope === undefined) return;
  throw new SqlmigError(
    'not-reproducible',
    `"${name}" has migrations of scope ${scope.name}, which the config does not have`,
    {
      schema: name,
      state: 'nothing was changed',
      hint: 'add the scope to the config again, or first drop what its files have built, and its history',
    },
  );
}

/**
 * Reads a tenant that a command is about to change or copy, and requires the name `to` to be free.
 * @throws SqlmigError `schema-missing`, `no-history` or the trouble of the schema; `tenant-exists`.
 */
export async function readTenant(
  work: MigrationRun,
  { name, to }: { readonly name: string; readonly to: string },
): Promise<FoundTenant> {
  const found = await findTenant(work, name);
  const { target, isTenant } = found;
  if (target.trouble !== null) throw target.trouble;
  if (!target.exists) throw schemaMissing(name);
  if (!isTenant) throw noHistory(target);
  const { historyTable } = work.source.config;
  const taken = await work.run.read((session) => findSchemas(session, [to], historyTable));
  if (taken.has(to)) throw nameTaken(to, 'choose another name');
  return found;
}

/** The error for a schema that does not exist. */
export function schemaMissing(name: string, hint = 'sqlmig tenant list shows the tenants'): SqlmigError {
  return new SqlmigError('schema-missing', `schema "${name}" does not exist`, { schema: name, hint });
}

/** The error for a schema that exists and must not. */
export function nameTaken(name: string, hint: string): SqlmigError {
  return new SqlmigError('tenant-exists', `schema "${name}" exists`, {
    schema: name,
    state: 'nothing was changed',
    hint,
  });
}

/** The error for a schema that is not a tenant's; `more` is another remedy. */
export function noHistory({ schema, trouble }: Target, more?: string): SqlmigError {
  if (trouble !== null)
    return more === undefined ? trouble : withHint(trouble, `${trouble.details.hint}; ${more}`);
  return new SqlmigError('no-history', `schema "${schema}" has no sqlmig history of a tenant`, {
    schema,
    state: 'nothing was changed',
    hint: more ?? 'check the name',
  });
}
