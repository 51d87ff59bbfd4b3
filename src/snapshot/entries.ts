import { ownSteps, tableSteps } from '../drift/fix-create.ts';
import { commentSteps, type FixStep, stages, step } from '../drift/fix-step.ts';
import { columnOrder, fullName, type Shape, type ShapeObject } from '../structure/shape.ts';
import type { Added } from './additions.ts';
import type { Dependencies } from './dependencies.ts';
import type { Step } from './order.ts';
import { privilegeSteps } from './privileges.ts';

/** The statements of one object, and the addresses of what they create. */
export interface Entry {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly steps: readonly FixStep[];
  /** Addresses that it needs besides those that the catalogs know of. */
  readonly needs?: readonly string[];
}

/** An object that a snapshot cannot have, and why. */
export interface LeftOutObject {
  readonly object: string;
  readonly why: string;
}

/** The entries for the objects that were added to a shape. */
export function entriesOf(
  shape: Shape,
  { inherited, needs, standsFor }: Dependencies,
  { isAdded, isLater }: Added,
): { readonly entries: readonly Entry[]; readonly leftOut: readonly LeftOutObject[] } {
  const entries: Entry[] = [];
  const leftOut: LeftOutObject[] = [];
  const routines = new Set(shape.filter(({ kind }) => isRoutine(kind)).map(({ address = '' }) => address));
  const columns = new Set(shape.filter(({ kind }) => kind === 'column').map(({ address = '' }) => address));
  // Such a function can need the table, so the table comes first, and then its default.
  const calling = new Set(
    needs
      .filter(([address, needed]) => address.startsWith('pg_attrdef ') && routines.has(needed))
      .map(([address]) => standsFor.get(address) ?? '')
      .filter((address) => columns.has(address)),
  );
  const later = ({ address = '', attributes: { generated } }: ShapeObject) =>
    calling.has(address) && generated === undefined;
  const plain = shape.map((object) => (later(object) ? without(object, 'default') : object));
  for (const object of [...plain].sort(byName)) {
    const { kind, address = '', of } = object;
    if (!isAdded(object) || kind === 'attribute' || kind === 'default privileges') continue;
    if (kind === 'column' && !isLater(object)) continue;
    const owner = ownerOf(object, shape);
    if (inherited.has(address) || (owner !== undefined && isAdded(owner))) continue;
    const made = stepsOf(object, plain);
    if ('why' in made) leftOut.push({ object: `${kind} ${fullName(object)}`, why: made.why });
    else {
      const parts = partsOf(object, plain);
      const privileges = [object, ...parts].flatMap(privilegeSteps);
      entries.push({
        name: of ?? object.name,
        addresses: [object, ...parts].flatMap((part) => part.address ?? []),
        steps: [...made, ...privileges],
        needs: kind === 'column' ? previousOf(object, plain) : laterOfParents(object, shape.filter(isLater)),
      });
    }
  }
  for (const column of shape.filter((object) => isAdded(object) && later(object))) {
    const { of, name, attributes, address = '' } = column;
    entries.push({
      name: of ?? '',
      addresses: [defaultOf(address)],
      steps: [step('functions', `alter table ${of} alter ${name} set default ${attributes.default}`)],
      needs: [address],
    });
  }
  return { entries, leftOut };
}

/** The address of the column before a column of its table: those that are added keep their order. */
function previousOf({ of, name }: ShapeObject, shape: Shape): string[] {
  const table = shape.find((candidate) => candidate.of === null && candidate.name === of);
  const order = table?.attributes[columnOrder]?.split(', ') ?? [];
  const previous = order[order.indexOf(name) - 1];
  const found = shape.find(
    (candidate) => candidate.kind === 'column' && candidate.of === of && candidate.name === previous,
  );
  return found?.address === undefined ? [] : [found.address];
}

/** The addresses of columns that were added to the parents of a table: a new table with parents has them already. */
function laterOfParents({ attributes }: ShapeObject, later: Shape): string[] {
  const { inherits = '', 'partition of': whole } = attributes;
  const parents = [...inherits.split(', '), whole];
  return later.flatMap(({ of, address = '' }) => (of !== null && parents.includes(of) ? [address] : []));
}

function isRoutine(kind: string): boolean {
  return ['function', 'procedure', 'aggregate'].includes(kind);
}

function without(object: ShapeObject, attribute: string): ShapeObject {
  const { [attribute]: _, ...attributes } = object.attributes;
  return { ...object, attributes };
}

/** The address of the default of a column that is set after its table was created. */
export function defaultOf(column: string): string {
  return `default of ${column}`;
}

function byName(a: ShapeObject, b: ShapeObject): number {
  const key = ({ of, name, kind }: ShapeObject) => [of ?? name, of === null ? '' : kind, name].join('\0');
  return key(a) < key(b) ? -1 : 1;
}

/** The column that owns a sequence. */
function ownerOf(
  { kind, attributes: { 'owned by': owner } }: ShapeObject,
  shape: Shape,
): ShapeObject | undefined {
  if (kind !== 'sequence' || owner === undefined) return undefined;
  return shape.find((candidate) => candidate.kind === 'column' && fullName(candidate) === owner);
}

/** The objects that the statements of another one create, too. */
function partsOf(object: ShapeObject, shape: Shape): ShapeObject[] {
  const { name, kind } = object;
  if (kind === 'column') return shape.filter((candidate) => ownerOf(candidate, shape) === object);
  if (!/table$|^composite type$/.test(kind)) return [];
  const within = shape.filter(
    ({ of, kind: part }) => of === name && (part === 'column' || part === 'attribute'),
  );
  return [...within, ...shape.filter((object) => ownerOf(object, shape)?.of === name)];
}

function stepsOf(object: ShapeObject, shape: Shape): readonly FixStep[] | { readonly why: string } {
  const { kind, of, name, attributes } = object;
  if (attributes.detaching !== undefined) return { why: 'it is being detached' };
  if (kind === 'table' || kind === 'partitioned table') {
    const { 'of type': type } = attributes;
    if (type !== undefined) return { why: `it is a table of the type ${type}` };
    const sequences = shape.filter((candidate) => ownerOf(candidate, shape)?.of === name);
    return [
      ...tableSteps(object, shape),
      ...[object, ...sequences].flatMap((owned) => commentSteps(owned, shape)),
    ];
  }
  if (kind === 'column') {
    // An identity creates its sequence.
    const serials = attributes.identity === undefined ? partsOf(object, shape) : [];
    const made = [...serials, object].map((owned) => ownSteps(owned, shape));
    return (
      made.find((steps): steps is { readonly why: string } => 'why' in steps) ?? (made.flat() as FixStep[])
    );
  }
  if (kind === 'view column') {
    const value = attributes.default;
    const set =
      value === undefined ? [] : [step('rest', `alter view ${of} alter ${name} set default ${value}`)];
    return [...set, ...commentSteps(object, shape)];
  }
  const steps = ownSteps(object, shape);
  if ('why' in steps || kind !== 'index') return steps;
  // An index of a partitioned table is built on its partitions, too.
  return steps.map((step) => ({ ...step, sql: step.sql.replace(' ON ONLY ', ' ON ') }));
}

/**
 * The statements of entries, in an order in which each finds the objects that it needs, and the entries without a
 * statement.
 */
export function stepsOfEntries(entries: readonly Entry[], { needs, standsFor }: Dependencies): Step[] {
  const steps: { stage: number; sql: string; after: Set<number> }[] = [];
  const mainOf = new Map<string, number>();
  const mains: number[] = [];
  for (const { addresses, steps: own } of entries) {
    const sorted = [...own].sort((a, b) => a.stage - b.stage);
    let main = steps.length;
    for (const [i, { stage, sql }] of sorted.entries()) {
      const at = steps.length;
      steps.push({ stage, sql, after: new Set(i === 0 ? [] : [at - 1]) });
      if (stage < stages.rest) main = at;
    }
    mains.push(main);
    for (const address of addresses) mainOf.set(address, main);
  }
  const find = (address: string): number | undefined => {
    const whole = address.replace(/\d+$/, '0');
    const owner = standsFor.get(address) ?? standsFor.get(whole);
    return mainOf.get(address) ?? mainOf.get(whole) ?? (owner === undefined ? undefined : find(owner));
  };
  const wait = (at: number | undefined, needed: number | undefined) => {
    if (at !== undefined && needed !== undefined && at !== needed) steps[at]?.after.add(needed);
  };
  for (const [address, needed] of needs) {
    const column = standsFor.get(address) ?? '';
    wait(mainOf.get(defaultOf(column)) ?? find(address), find(needed));
  }
  for (const [i, { needs: more = [] }] of entries.entries())
    for (const address of more) wait(mains[i], find(address));
  return steps;
}
