import { hasSchema, inHome } from '../databases/home.ts';
import { resultsOf } from '../databases/merged.ts';
import { mergedRepair } from '../databases/merged-repair.ts';
import { inDatabases } from '../databases/parts.ts';
import { inScopes, ofEachScope } from '../databases/scopes.ts';
import { settlementKind } from '../decide/settlement.ts';
import { SqlmigError } from '../errors.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { checkOptions, type Kinds, nullable, text } from '../project/option.ts';
import { kindOf, kindsOf } from '../project/scope-view.ts';
import { selection } from '../project/selection.ts';
import type { SettledMigrations } from '../repair/settle.ts';
import {
  type SettledMigration,
  type SettleMigrationOptions,
  type SettleMigrationsOptions,
  settleOne,
  settleSelected,
} from '../repair/settle-selected.ts';
import { changeKinds } from '../run/run-options.ts';
import { traced } from '../run/tracing.ts';
import { namedScope, tenantScope } from '../state/scope-names.ts';
import { repairCommandLine } from '../text/command-line.ts';
import { few } from '../text/few.ts';

const oneKinds: Kinds<SettleMigrationOptions> = {
  ...changeKinds,
  schema: { ...text, required: true },
  version: { ...text, required: true },
  scope: text,
  how: nullable(settlementKind),
};

const manyKinds: Kinds<SettleMigrationsOptions> = {
  ...changeKinds,
  select: { ...selection, required: true },
  how: { ...settlementKind, required: true },
};

/**
 * Settles a non-transactional migration that was started but not finished, or describes it. Waits for other runs in the
 * schema, as `up` does. A failure is the outcome of the schema: `lock-timeout`, `unsettled` if sqlmig cannot determine
 * whether the statement took effect, or the error of a statement.
 * @throws SqlmigError `nothing-to-settle`, `checksum-changed`, and if it cannot start: `bad-usage`, `config-invalid`,
 *   mistakes in the files, no connection.
 */
export async function settleMigration(
  config: Config,
  options: SettleMigrationOptions,
): Promise<SettledMigration> {
  requireFleetConfig(config);
  checkOptions(options, oneKinds);
  const { schema } = options;
  return inHome(config, options, {
    what: `a schema "${schema}"`,
    isHere: (run) => hasSchema(run, schema),
    work: (part, options) => traced('repair', part, { options, work: settleInScope }),
  });
}

/**
 * Settles every incomplete migration in the selected schemas, each as `settleMigration` does. A failure is the outcome
 * of its schema, and the others continue.
 * @throws SqlmigError `bad-usage` if `how` names a statement and the schemas stopped in several files, and if it cannot
 *   start: `config-invalid`, mistakes in the files, no connection.
 */
export async function settleMigrations(
  config: Config,
  options: SettleMigrationsOptions,
): Promise<SettledMigrations> {
  requireFleetConfig(config);
  checkOptions(options, manyKinds);
  return inDatabases(config, options, {
    work: (part, options) =>
      inScopes(part, options, {
        work: (config, options) => traced('repair', config, { options, work: settleSelected }),
        merge: (parts) => ({
          incomplete: ofEachScope(parts, ({ incomplete }) => incomplete),
          schemas: ofEachScope(parts, ({ schemas }) => schemas),
        }),
      }),
    merge: (parts) => ({
      incomplete: resultsOf(parts).flatMap(({ incomplete }) => incomplete),
      ...mergedRepair(parts),
    }),
  });
}

/** Settles a migration in the scope in which it is incomplete. @throws SqlmigError `bad-usage` if there are several. */
async function settleInScope(
  config: Config,
  { scope, ...options }: SettleMigrationOptions,
): Promise<SettledMigration> {
  if (scope !== undefined && scope !== 'tenant') return settleIn(kindOf(config, scope), options);
  const kinds = scope === 'tenant' || options.schema === config.publicSchema ? [] : kindsOf(config);
  if (kinds.length === 0) return settleIn(config, options);
  const found: { readonly config: Config; readonly described: SettledMigration | SqlmigError }[] = [];
  const refusals: SqlmigError[] = [];
  for (const scoped of [config, ...kinds]) {
    const described = await describedIn(scoped, options);
    if (described instanceof SqlmigError && notInScope.includes(described.code)) refusals.push(described);
    else found.push({ config: scoped, described });
  }
  const [only, ...others] = found;
  // The error of a scope in which the version is applied says more than the error of a scope that lacks it.
  if (only === undefined) throw refusals.find(({ code }) => code === 'nothing-to-settle') ?? refusals[0];
  if (others.length > 0)
    throw severalScopes(
      options,
      found.map((scope) => tenantScope(scope.config)),
    );
  if (options.how != null) return settleIn(only.config, options);
  if (only.described instanceof SqlmigError) throw only.described;
  return only.described;
}

/** A description, or why there is none: the file may have been changed since, and can still be marked as applied. */
async function describedIn(
  config: Config,
  options: SettleMigrationOptions,
): Promise<SettledMigration | SqlmigError> {
  try {
    return await settleIn(config, { ...options, how: null });
  } catch (error) {
    if (error instanceof SqlmigError && [...notInScope, 'checksum-changed'].includes(error.code))
      return error;
    throw error;
  }
}

async function settleIn(config: Config, options: SettleMigrationOptions): Promise<SettledMigration> {
  const settled = await settleOne(config, options);
  const schemas = settled.schemas.map((schema) => namedScope(schema, config));
  return { ...namedScope(settled, config), schemas };
}

function severalScopes({ schema, version }: SettleMigrationOptions, scopes: readonly string[]): SqlmigError {
  const [first = ''] = scopes;
  const message = `version ${version} is incomplete in several scopes of "${schema}": ${few(scopes, 5)}`;
  return new SqlmigError('bad-usage', message, {
    schema,
    state: 'nothing was touched',
    hint: `name one of them: ${repairCommandLine(schema, { version }, '--scope', first)}`,
  });
}

const notInScope: readonly string[] = ['nothing-to-settle', 'bad-usage'];
