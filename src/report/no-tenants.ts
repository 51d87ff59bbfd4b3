import type { Config } from '../project/config.ts';

/**
 * Why a command that selected all tenants found none, and where they would come from. The config may be limited to a
 * kind.
 */
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
