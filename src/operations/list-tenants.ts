import { everyResult } from '../databases/merged.ts';
import { inDatabases } from '../databases/parts.ts';
import { inScopes, type ScopeParts } from '../databases/scopes.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { abortSignal, checkOptions, type Kinds } from '../project/option.ts';
import type { ErrorDetails, Finding } from '../results.ts';
import { findingsOf, unlistedFinding } from '../state/findings.ts';
import { readForCommand } from '../state/reading.ts';
import { namedScope } from '../state/scope-names.ts';
import type { Target } from '../state/target.ts';
import { tenantsQueryFailed } from '../tenants/tenants.ts';

/** One tenant: of the config's source, or a schema with a tenant's history that the source lacks. */
export interface ListedTenant {
  readonly database: string;
  readonly schema: string;
  /** False if `up` has still to create the schema. */
  readonly exists: boolean;
  /** Where it is listed: the kind of the tenant source, or `null` if that does not list it and no run migrates it. */
  readonly listedBy: 'query' | 'pattern' | 'list' | 'function' | 'history' | null;
  /** The scopes that it has or is to have files of, besides those for all tenants; absent if the config has none. */
  readonly scopes?: readonly string[];
  /** The newest applied version, with the digits in the file name, or `null` if nothing is applied. */
  readonly version: string | null;
  /** As in `SchemaStatus`. */
  readonly unmanaged?: true;
  /** The number of pending migrations. */
  readonly pending: number;
  /** As in `SchemaStatus`. */
  readonly findings: readonly Finding[];
  /** Why it cannot be migrated. */
  readonly error?: ErrorDetails;
}

/** Options of `listTenants`. */
export interface ListTenantsOptions {
  readonly signal?: AbortSignal;
}

const kinds: Kinds<ListTenantsOptions> = { signal: abortSignal };

/**
 * Lists the tenants of the config's source, in its order, then schemas with a tenant's history that it does not list.
 * With several databases, those of one follow those of another.
 * @throws SqlmigError if any database cannot be read; `tenants-query-failed`, `interrupted`, and if it cannot start: `bad-usage`, `config-invalid`,
 *   mistakes in the files, no connection.
 */
export async function listTenants(
  config: Config,
  options: ListTenantsOptions = {},
): Promise<readonly ListedTenant[]> {
  requireFleetConfig(config);
  checkOptions(options, kinds);
  return inDatabases(config, options, {
    work: (one, own) => inScopes(one, own, { work: tenantsOf, merge: tenantsOfScopes }),
    merge: (parts) => everyResult(parts).flat(),
  });
}

async function tenantsOf(config: Config, options: ListTenantsOptions): Promise<readonly ListedTenant[]> {
  const reading = await readForCommand(config, options, { unlisted: true });
  const { fleet, unlisted, database } = reading;
  if (fleet.tenantsUnknown !== null) throw tenantsQueryFailed(fleet.tenantsUnknown);
  const { kind } = config.database.tenants;
  const described =
    (listedBy: ListedTenant['listedBy']) =>
    (target: Target): ListedTenant => {
      const {
        schema,
        exists,
        isUnmanaged,
        plan: { version, pending },
        trouble,
      } = target;
      const findings = listedBy === null ? [unlistedFinding(target, reading)] : findingsOf(target, database);
      return {
        database,
        schema,
        exists,
        listedBy,
        version,
        ...(isUnmanaged && { unmanaged: true }),
        pending,
        findings,
        ...(trouble !== null && { error: { ...trouble.details, schema, database } }),
      };
    };
  return [...fleet.tenants.map(described(kind)), ...unlisted.map(described(null))];
}

/** Each tenant once, with what the files of all tenants and of its kinds have in common. */
function tenantsOfScopes(parts: ScopeParts<readonly ListedTenant[]>): readonly ListedTenant[] {
  const tenants = new Map<string, ListedTenant>();
  for (const { config, result } of parts) {
    for (const tenant of result) {
      const own = { ...namedScope(tenant, config), scopes: config.scope === null ? [] : [config.scope.name] };
      const known = tenants.get(tenant.schema);
      tenants.set(tenant.schema, known === undefined ? own : joined(known, own));
    }
  }
  return [...tenants.values()];
}

function joined(known: ListedTenant, other: ListedTenant): ListedTenant {
  const error = known.error ?? other.error;
  return {
    ...known,
    listedBy: known.listedBy ?? other.listedBy,
    version: known.version ?? other.version,
    pending: known.pending + other.pending,
    findings: [...known.findings, ...other.findings],
    scopes: [...(known.scopes ?? []), ...(other.scopes ?? [])],
    ...(error !== undefined && { error }),
  };
}
