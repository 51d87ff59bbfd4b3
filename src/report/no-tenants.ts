import type { TenantSource } from '../project/tenant-source.ts';

/** Where tenants would come from, for a command that found none although all were selected. */
export function noTenantsText({ kind }: Pick<TenantSource, 'kind'>): string {
  const why =
    kind === 'history'
      ? 'the config has no "tenants", so tenants are the schemas with a sqlmig history, and there are none'
      : 'the tenant source of the config lists none';
  return `no tenants: ${why}\nhint: list the tenants with "tenants" in the config, or select public with --public\n`;
}
