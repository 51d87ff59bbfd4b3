import type { Reader } from '../history/read-histories.ts';
import type { Config } from '../project/config.ts';
import { folderOf, type Migrations } from '../project/migrations.ts';
import { tenantScopes } from '../project/scope-view.ts';
import { fewAndMore } from '../text/few.ts';
import { listedInScopes } from './scope-selection.ts';
import { readUnknownScopes, unknownScopeWarnings } from './unknown-scopes.ts';

/** What a run warns about in a config with scopes, a sentence each. */
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
 * What a run warns about if only scopes list tenants, and there are files of all tenants nevertheless: which of these
 * tenants do not get them. Nothing if the config says which tenants do.
 */
export async function lackingFilesOfAll(
  reader: Reader,
  config: Config,
  { tenant }: Pick<Migrations, 'tenant'>,
): Promise<string[]> {
  const isOpen = config.scope === null && config.database.tenants.kind === 'history';
  if (!isOpen || config.scopes.length === 0 || tenant.length === 0) return [];
  const [own, ...kinds] = await listedInScopes(reader, tenantScopes(config));
  const ofKinds = new Set(kinds.flatMap(({ names }) => [...names]));
  const lacking = [...ofKinds].filter((name) => !own.names.has(name));
  if (lacking.length === 0) return [];
  return [
    `${fewAndMore(lacking, 3)} ${lacking.length === 1 ? 'does' : 'do'} not get the files of ${folderOf(config, 'tenant')}, because only scopes list ${lacking.length === 1 ? 'it' : 'them'}: set "tenants" in the config`,
  ];
}
