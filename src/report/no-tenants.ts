import type { Config } from '../project/config.ts';

/** Where tenants would come from, for a command that found none although all were selected; the config may be that of a kind. */
export function noTenantsText({ scope, database: { tenants } }: Pick<Config, 'scope' | 'database'>): string {
  const [place, history, others] =
    scope === null
      ? ['the config', 'sqlmig history', ' in the config, or select public with --public']
      : [`scope ${scope.name}`, 'history of this scope', ` of scope ${scope.name}`];
  const why =
    tenants.kind === 'history'
      ? `${place} has no "tenants", so its tenants are the schemas with a ${history}, and there are none`
      : `the tenant source of ${place} lists none`;
  return `no tenants: ${why}\nhint: list the tenants with "tenants"${others}\n`;
}
