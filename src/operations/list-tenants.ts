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
  /** The kind of the tenant source that lists it; `null` if the source does not list it, so that no run migrates it. */
  readonly listedBy: 'query' | 'pattern' | 'list' | 'function' | 'history' | null;
  /** The kinds whose files it has or will get; absent if the config has none. */
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
 * With several databases, their lists follow each other.
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
    work: (part, options) => inScopes(part, options, { work: tenantsOf, merge: tenantsOfScopes }),
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

/** Each tenant once, with the pending migrations and findings of all its scopes. */
function tenantsOfScopes(parts: ScopeParts<readonly ListedTenant[]>): readonly ListedTenant[] {
  const tenants = new Map<string, ListedTenant>();
  for (const { config, result } of parts) {
    for (const tenant of result) {
      const scopes = config.scope === null ? [] : [config.scope.name];
      const inScope = { ...namedScope(tenant, config), scopes };
      const earlier = tenants.get(tenant.schema);
      tenants.set(tenant.schema, earlier === undefined ? inScope : joined(earlier, inScope));
    }
  }
  return [...tenants.values()];
}

function joined(first: ListedTenant, other: ListedTenant): ListedTenant {
  const error = first.error ?? other.error;
  return {
    ...first,
    listedBy: first.listedBy ?? other.listedBy,
    version: first.version ?? other.version,
    pending: first.pending + other.pending,
    findings: [...first.findings, ...other.findings],
    scopes: [...(first.scopes ?? []), ...(other.scopes ?? [])],
    ...(error !== undefined && { error }),
  };
}
