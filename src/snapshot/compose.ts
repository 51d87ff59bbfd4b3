import { step } from '../drift/fix-step.ts';
import type { Shape, ShapeObject } from '../structure/shape.ts';
import type { Dependencies } from './dependencies.ts';
import { defaultOf, type Entry, entriesOf, stepsOfEntries } from './entries.ts';
import { withPlaceholders } from './names.ts';
import { orderSteps } from './order.ts';
import { defaultPrivilegesSql } from './privileges.ts';
import type { TenantRows } from './rows.ts';
import { type SchemaSettings, schemaSettingsSql } from './schema-settings.ts';
import { countersOf, type Seed } from './seeds.ts';

/** A tenant that was built from the files, as it was read. */
export interface BuiltTenant {
  readonly name: string;
  /** With addresses. */
  readonly shape: Shape;
  readonly dependencies: Dependencies;
  readonly rows: TenantRows;
  readonly settings: SchemaSettings;
}

/** SQL with placeholders that builds what a tenant has, or why there is none. */
export function composeSnapshot(
  tenant: BuiltTenant,
  seeds: readonly Seed[],
): { readonly sql: string } | { readonly why: string } {
  const shape = tenant.shape.map((object) => withOwnSchema(object, tenant.name));
  const { entries, leftOut } = entriesOf(shape, tenant.dependencies);
  if (leftOut.length > 0)
    return { why: leftOut.map(({ object, why }) => `it cannot have the ${object}: ${why}`).join('; ') };
  const unfilled = [...tenant.rows.materialized].find(([, rows]) => rows === null);
  if (unfilled !== undefined)
    return { why: `it cannot have the materialized view ${unfilled[0]}: it was never filled` };
  const all = [...entries, ...seeds.map((seed) => seedEntry(seed, shape))];
  const { sql, stuck } = orderSteps(stepsOfEntries(all, tenant.dependencies));
  if (stuck.length > 0) return { why: `its objects depend on each other in a cycle: ${stuck[0]}` };
  const statements = [
    ...sql,
    ...countersOf(tenant.rows, startsOf(shape)),
    ...schemaSettingsSql(tenant.settings, tenant.name),
    ...shape
      .filter(({ kind }) => kind === 'default privileges')
      .flatMap((object) => defaultPrivilegesSql(object, tenant.name)),
  ];
  const text = statements.map((statement) => `${statement.trim().replace(/;$/, '')};\n`).join('\n');
  const filled = withPlaceholders(text, tenant.name);
  return 'sql' in filled
    ? filled
    : { why: `it cannot have ${filled.unfit}, which contains the name of the tenant's schema` };
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
