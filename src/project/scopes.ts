import { dirname, join, resolve } from 'node:path';
import { errorOfAll, SqlmigError } from '../errors.ts';
import { tenantSource } from './database.ts';
import type { Settings } from './settings.ts';
import type { TenantSource } from './tenant-source.ts';

/** A kind of tenants, which has files and histories of its own. */
export interface ScopeConfig {
  readonly name: string;
  /** The absolute path of its folder. */
  readonly dir: string;
  readonly tenants: TenantSource;
}

/** The kind of tenants that a config is limited to. */
export interface ScopeView {
  readonly name: string;
  /** The name of the history of public, and of the histories for the tenant files. */
  readonly baseTable: string;
  /** The folder of the tenant files. */
  readonly baseDir: string;
  /** Which tenants the tenant files are for. */
  readonly baseTenants: TenantSource;
}

/** Where the kinds of a config are from: its other settings, and the folder that relative paths begin in. */
interface ScopeSources {
  readonly root: string;
  readonly tenantDir: string;
  readonly historyTable: string;
  readonly severalDatabases: boolean;
}

const longestName = 63;

/**
 * Completes the kinds of a config.
 * @throws SqlmigError `config-invalid` with every name that is used twice or makes the name of the history too long, and
 *   every list of tenants that several databases would share.
 */
export function scopesOf(
  scopes: Settings['scopes'],
  { root, tenantDir, historyTable, severalDatabases }: ScopeSources,
): readonly ScopeConfig[] {
  const wrong = (message: string, hint: string) => new SqlmigError('config-invalid', message, { hint });
  const errors = (scopes ?? []).flatMap(({ name, tenants }, i, all) => {
    const table = scopeTable(historyTable, name);
    const isShared = typeof tenants === 'function' || (tenants !== undefined && 'list' in tenants);
    return [
      ...(all.findIndex((other) => other.name === name) === i
        ? []
        : [wrong(`"scopes" has two scopes with the name "${name}"`, 'rename one of them')]),
      ...(Buffer.byteLength(table) > longestName
        ? [
            wrong(
              `the history table of scope "${name}" would be called ${table}, which is longer than 63 bytes`,
              'use a shorter name for the scope or for historyTable',
            ),
          ]
        : []),
      ...(isShared && severalDatabases
        ? [
            wrong(
              `the tenants of scope "${name}" are one list for several databases`,
              'use a query or a pattern, which each database answers for itself',
            ),
          ]
        : []),
    ];
  });
  if (errors.length > 0) throw errorOfAll(errors);
  return (scopes ?? []).map(({ name, dir, tenants }) => ({
    name,
    dir: dir === undefined ? join(dirname(tenantDir), name) : resolve(root, dir),
    tenants: tenantSource(tenants),
  }));
}

/** The name of the histories of a kind. */
export function scopeTable(historyTable: string, scope: string): string {
  return `${historyTable}_${scope}`;
}
