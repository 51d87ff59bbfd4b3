import { step } from '../drift/fix-step.ts';
import type { Shape, ShapeObject } from '../structure/shape.ts';
import { addedRows, addedSince } from './additions.ts';
import type { BuiltTenant } from './built-tenant.ts';
import { defaultOf, type Entry, entriesOf, stepsOfEntries } from './entries.ts';
import { withPlaceholders } from './names.ts';
import { orderSteps } from './order.ts';
import { defaultPrivilegesSql } from './privileges.ts';
import { schemaSettingsSql } from './schema-settings.ts';
import { countersOf, type Seed } from './seeds.ts';

/**
 * SQL with placeholders that builds what was added to a tenant since `before`, with these rows of new tables, or why
 * that is impossible.
 */
export function composeSnapshot(
  tenant: BuiltTenant,
  seeds: readonly Seed[],
  before: BuiltTenant | null,
): { readonly sql: string } | { readonly why: string } {
  const shape = tenant.shape.map((object) => withOwnSchema(object, tenant.name));
  const added = addedSince(before, shape);
  const rows = addedRows(before, tenant.rows);
  const { entries, leftOut } = entriesOf(shape, tenant.dependencies, added);
  if (leftOut.length > 0)
    return { why: leftOut.map(({ object, why }) => `it cannot have the ${object}: ${why}`).join('; ') };
  const unfilled = [...rows.materialized].find(([, rows]) => rows === null);
  if (unfilled !== undefined)
    return { why: `it cannot have the materialized view ${unfilled[0]}: it was never filled` };
  const older = new Set(before?.rows.tables.map(({ table }) => table));
  const filled = seeds.filter(({ table }) => !older.has(table));
  const all = [...entries, ...filled.map((seed) => seedEntry(seed, shape))];
  const { sql, stuck } = orderSteps(stepsOfEntries(all, tenant.dependencies));
  if (stuck.length > 0) return { why: `its objects depend on each other in a cycle: ${stuck[0]}` };
  const statements = [
    ...sql,
    ...countersOf(rows, startsOf(shape)),
    ...(JSON.stringify(tenant.settings) === JSON.stringify(before?.settings)
      ? []
      : schemaSettingsSql(tenant.settings, tenant.name)),
    ...shape
      .filter((object) => object.kind === 'default privileges' && added.isAdded(object))
      .flatMap((object) => defaultPrivilegesSql(object, tenant.name)),
  ];
  const text = statements.map((statement) => `${statement.trim().replace(/;$/, '')};\n`).join('\n');
  const named = withPlaceholders(text, tenant.name);
  return 'sql' in named
    ? named
    : { why: `it cannot have ${named.unfit}, which contains the name of the tenant's schema` };
}

/** The settings of a function with the name of its schema, for which shapes have a word. */
function withOwnSchema(object: ShapeObject, name: string): ShapeObject {
  const { settings } = object.attributes;
  if (settings === undefined) return object;
  return {
    ...object,
    attributes: { ...object.attributes, settings: settings.replaceAll('(own schema)', name) },
  };
}

function seedEntry({ table, sql, defaults }: Seed, shape: Shape): Entry {
  const address = shape.find(({ of, name }) => of === null && name === table)?.address ?? '';
  return {
    name: table,
    addresses: [],
    steps: [step('rows', sql)],
    needs: [address, ...defaults.map(defaultOf)],
  };
}

/** The first value of each sequence. */
function startsOf(shape: Shape): Map<string, string> {
  return new Map(
    shape
      .filter(({ kind }) => kind === 'sequence')
      .map(({ name, attributes: { definition = '' } }) => [name, / start (\S+)/.exec(definition)?.[1] ?? '']),
  );
}
