import type { Reader } from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import { folderOf, type Migrations } from '../project/migrations.ts';
import { tenantScopes } from '../project/scope-view.ts';
import { fewAndMore } from '../text/few.ts';
import { listedInScopes } from './scope-selection.ts';
import { readUnknownScopes, unknownScopeWarnings } from './unknown-scopes.ts';

/** The warnings of a run about a config with scopes, one sentence each. */
export async function scopeWarnings(
  reader: Reader,
  config: Config,
  migrations: Pick<Migrations, 'tenant'>,
): Promise<string[]> {
  if (config.scopes.length === 0) return [];
  const unknown = await readUnknownScopes(reader.session, config);
  return [...unknownScopeWarnings(unknown), ...(await lackingFilesOfAll(reader, config, migrations))];
}

/**
 * Warns about tenants that do not get the files of all tenants, because only scopes list them. Nothing if "tenants" is in
 * the config.
 */
export async function lackingFilesOfAll(
  reader: Reader,
  config: Config,
  { tenant }: Pick<Migrations, 'tenant'>,
): Promise<string[]> {
  const isUnset = config.scope === null && config.database.tenants.kind === 'history';
  if (!isUnset || config.scopes.length === 0 || tenant.length === 0) return [];
  const [base, ...kinds] = await listedInScopes(reader, tenantScopes(config));
  const ofKinds = new Set(kinds.flatMap(({ names }) => [...names]));
  const lacking = [...ofKinds].filter((name) => !base.names.has(name));
  if (lacking.length === 0) return [];
  const [verb, object] = lacking.length === 1 ? ['does', 'it'] : ['do', 'them'];
  const why = `because only scopes list ${object}: set "tenants" in the config`;
  return [`${fewAndMore(lacking, 3)} ${verb} not get the files of ${folderOf(config, 'tenant')}, ${why}`];
}
