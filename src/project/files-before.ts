import type { Migration } from '../sql/migration.ts';
import type { Config } from './config.ts';
import type { Migrations } from './migrations.ts';
import type { TenantSource } from './tenant-source.ts';

/**
 * The files of all tenants that tenants of a kind have as well, in running order. None if `tenants` of the config can list
 * no tenant of the kind, or if the config is not limited to a kind.
 */
export function filesBefore(
  { readBase }: Pick<Migrations, 'readBase'>,
  { scope, database: { tenants } }: Pick<Config, 'scope' | 'database'>,
): readonly Migration[] {
  if (scope === null || readBase === undefined || areApart(scope.baseTenants, tenants)) return [];
  return readBase();
}

/** Whether two lists or patterns have no name in common; false if that is not certain. */
function areApart(one: TenantSource, other: TenantSource): boolean {
  const [all, own] = [beginningsOf(one), beginningsOf(other)];
  if (all === null || own === null) return false;
  return all.every((a) => own.every((b) => !canBeSame(a, b)));
}

/** How a name begins, and whether that is all of it. */
interface Beginning {
  readonly text: string;
  readonly isWhole: boolean;
}

function beginningsOf(source: TenantSource): readonly Beginning[] | null {
  if (source.kind === 'list') return source.list.map((name) => ({ text: String(name), isWhole: true }));
  if (source.kind !== 'pattern') return null;
  const [text = ''] = /^[^%_\\]*/.exec(source.pattern) ?? [];
  return [{ text, isWhole: text === source.pattern }];
}

function canBeSame(a: Beginning, b: Beginning): boolean {
  if (a.isWhole && b.isWhole) return a.text === b.text;
  return (!b.isWhole && a.text.startsWith(b.text)) || (!a.isWhole && b.text.startsWith(a.text));
}
