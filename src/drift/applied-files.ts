import type { SchemaPlan } from '../decide/plan.ts';
import type { Migrations } from '../project/migrations.ts';
import type { Scope } from '../results.ts';
import type { Migration } from '../sql/migration.ts';
import { allTargets, type FleetState } from '../state/fleet-state.ts';
import type { KindFleet } from '../state/kind-fleets.ts';
import type { Target } from '../state/target.ts';
import type { StructureReport } from '../verify-results.ts';

/** Schemas to which the same files are applied. */
export interface SchemasByFiles {
  readonly scope: Scope;
  readonly schemas: string[];
  /** The newest applied version. */
  readonly version: string | null;
  readonly files: readonly Migration[];
  /** Repeatables of which an older text was applied. */
  readonly outdated: readonly Migration[];
}

/** The schemas whose structure can be compared, and why the others cannot. */
export interface Comparable {
  readonly groups: readonly SchemasByFiles[];
  readonly notCompared: StructureReport['notCompared'];
}

/** Groups schemas by the files that are applied to them. */
export function groupByFiles(fleet: FleetState, migrations: Migrations): Comparable {
  const groups = new Map<string, SchemasByFiles>();
  const keys = new Map<SchemaPlan, string>();
  const reasons = new Map<string, string[]>();
  for (const target of allTargets(fleet)) {
    const why = obstacleOf(target);
    if (why !== null) {
      const same = reasons.get(why) ?? [];
      same.push(target.schema);
      reasons.set(why, same);
      continue;
    }
    // Schemas with the same history share a plan.
    const key = keys.get(target.plan) ?? keyOf(target, migrations);
    keys.set(target.plan, key);
    const group = groups.get(key) ?? { ...appliedFiles(target, migrations), schemas: [] };
    group.schemas.push(target.schema);
    groups.set(key, group);
  }
  return {
    groups: [...groups.values()],
    notCompared: [...reasons].map(([why, schemas]) => ({ schemas, why })),
  };
}

function keyOf(target: Target, migrations: Migrations): string {
  const { scope, files, outdated } = appliedFiles(target, migrations);
  return JSON.stringify([scope, files.map(({ file }) => file), outdated.map(({ file }) => file)]);
}

function appliedFiles(
  { scope, plan, rows }: Target,
  migrations: Migrations,
): Omit<SchemasByFiles, 'schemas'> {
  const pending = new Set(plan.steps);
  const names = new Set(rows.flatMap(({ version, name }) => (version === null ? [name] : [])));
  return {
    scope,
    version: plan.version,
    files: migrations[scope].filter((file) => !pending.has(file)),
    outdated: plan.steps.filter(({ version, name }) => version === null && names.has(name)),
  };
}

function obstacleOf({ trouble, exists, isUnmanaged, rows, plan }: Target): string | null {
  if (trouble !== null) return trouble.message;
  if (!exists) return 'the schema does not exist';
  if (rows.length === 0) return isUnmanaged ? 'not managed yet' : 'no migration is applied';
  const [newer] = plan.ahead;
  if (newer !== undefined) return `a newer release was applied (${newer})`;
  if (rows.some(({ state }) => state !== 'applied')) return 'a migration is incomplete';
  const lacks = plan.findings.find(({ kind }) => kind === 'file-missing' || kind === 'baseline-incomplete');
  return lacks?.message ?? null;
}

/** Adds to groups of tenants the files of the kinds that each tenant is of, so that a group has one set of files of all scopes. */
export function withKinds(base: Comparable, kinds: readonly KindFleet[]): Comparable {
  if (kinds.length === 0) return base;
  const notCompared = [...base.notCompared];
  const groups = new Map<string, readonly SchemasByFiles[]>();
  for (const group of base.groups.filter(({ scope }) => scope === 'tenant'))
    for (const schema of group.schemas) groups.set(schema, [group]);
  for (const { fleet, migrations } of kinds) {
    // Where nothing of the kind is applied yet, nothing of it is expected.
    const begun = {
      ...fleet,
      tenants: fleet.tenants.filter(({ trouble, rows }) => trouble !== null || rows.length > 0),
    };
    const own = groupByFiles(begun, migrations);
    notCompared.push(...own.notCompared);
    for (const group of own.groups)
      for (const schema of group.schemas) groups.set(schema, [...(groups.get(schema) ?? []), group]);
  }
  const excluded = new Set(notCompared.flatMap(({ schemas }) => schemas));
  const joined = new Map<string, SchemasByFiles>();
  for (const [schema, parts] of groups) {
    if (excluded.has(schema)) continue;
    const files = parts.flatMap((part) => part.files);
    const outdated = parts.flatMap((part) => part.outdated);
    const key = JSON.stringify([files, outdated].map((list) => list.map(({ file }) => file)));
    const [first] = parts;
    const known = joined.get(key) ?? {
      scope: 'tenant',
      schemas: [],
      version: first?.version ?? null,
      files,
      outdated,
    };
    known.schemas.push(schema);
    joined.set(key, known);
  }
  return {
    groups: [...base.groups.filter(({ scope }) => scope === 'public'), ...joined.values()],
    notCompared,
  };
}
