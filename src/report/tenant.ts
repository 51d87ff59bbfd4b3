import type { ClonedTenant } from '../operations/clone-tenant.ts';
import type { DroppedTenant, TenantDrop } from '../operations/drop-tenant.ts';
import type { ListedTenant } from '../operations/list-tenants.ts';
import type { RenamedTenant } from '../operations/rename-tenant.ts';
import type { TenantExistence } from '../operations/tenant-exists.ts';
import { pendingText } from './status.ts';
import { count, paragraph, placeLine, printable, titledTable } from './table.ts';
import { versionText } from './version-text.ts';

/** The answer of `tenant list`: one line per tenant. */
export function tenantListText(tenants: readonly ListedTenant[]): string {
  const several = new Set(tenants.map(({ database }) => database)).size > 1;
  const rows = tenants
    .filter(({ error }) => error?.code !== 'bad-tenant-name')
    .map((tenant) => {
      const { schema, exists, listedBy, pending } = tenant;
      const kinds = tenant.findings.map(({ kind }) => kind);
      const version = exists ? versionText(tenant, kinds) : 'no schema yet';
      const open = [pendingText(version, pending, kinds), ...kinds.filter((kind) => kind !== 'unlisted')];
      return [
        printable(schema),
        version,
        [...new Set(open)].filter(Boolean).join(', '),
        listedBy ?? 'nowhere',
        (tenant.scopes ?? []).join(', '),
        several ? printable(tenant.database) : '',
      ];
    });
  return titledTable(['tenant', 'version', 'pending', 'listed by', 'scopes', 'database'], rows);
}

/** The answer of `tenant exists`. */
export function tenantExistsText({ schema, exists, managed }: TenantExistence): string {
  const existing = managed ? 'exists' : 'exists, without a sqlmig history of a tenant';
  const what = exists ? existing : 'does not exist';
  return `${printable(schema)}  ${what}\n`;
}

/** What `tenant drop` would drop. */
export function tenantDropText(plan: TenantDrop): string {
  const { schema, tables, others, halfDropped } = plan;
  const begun = halfDropped ? ', half-dropped already' : '';
  return `${placeLine(plan)}${printable(schema)}  ${versionText(plan, [halfDropped ? 'half-dropped' : undefined])}${begun}: ${count(tables, 'table')} with all rows, ${count(others, 'other object')}\n`;
}

/** How a drop ended. */
export function tenantDroppedText({ schema, state }: DroppedTenant): string {
  return `${printable(schema)}  ${state === 'absent' ? 'does not exist' : state === 'unchanged' ? 'not dropped' : state}\n`;
}

/** A note after a drop if the tenant is still listed. */
export function stillListedText({ schema, listed }: Pick<DroppedTenant, 'schema' | 'listed'>): string {
  if (!listed) return '';
  return `the config still lists ${printable(schema)}: up would create it again\n`;
}

/** How a renaming ended, with what has the old name in its text. */
export function tenantRenamedText({ schema, to, state, mentions, notes }: RenamedTenant): string {
  const found = [...mentions.map(({ message }) => message), ...notes];
  const list = found.length === 0 ? '' : paragraph(`${printable(schema)} is named in:`, found.map(printable));
  return `${list}${printable(schema)}  ${state === 'renamed' ? `renamed to ${printable(to)}` : 'not renamed'}\n`;
}

/** A note after a renaming if the tenant source has to follow. */
export function listedNowText({
  schema,
  to,
  state,
  listsOld,
  listsNew,
  lackingIn = [],
}: RenamedTenant): string {
  if (state !== 'renamed') return '';
  const old = listsOld ? `the config still lists ${printable(schema)}: up would create it\n` : '';
  const ofScopes = lackingIn.length === 0 ? 'in the config' : `of scope ${lackingIn.join(' and ')}`;
  const lacks = listsNew
    ? ''
    : `"tenants" ${ofScopes} does not list ${printable(to)} yet: no run migrates it\n`;
  return old + lacks;
}

/** How a cloning ended, with the rows of each table. */
export function tenantClonedText({ schema, to, state, tables, version }: ClonedTenant): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  const copied = tables.length === 0 ? '' : `  ${count(rows, 'row')} in ${count(tables.length, 'table')}`;
  const end = state === 'cloned' ? `cloned from ${printable(schema)}` : 'not cloned';
  return `${printable(to)}  ${end}  ${versionText({ version }, [])}${copied}\n`;
}
