import { quoteIdentifier } from '../sql/quote.ts';
import type { Shape, ShapeObject } from '../structure/shape.ts';
import {
  alterOwner,
  createSteps,
  firing,
  replicaIdentity,
  rowSecurity,
  viewDefinition,
} from './fix-create.ts';
import { commentOn, type FixStep, type FixSteps, step, typeWord } from './fix-step.ts';

const rows = 'dropping it would lose rows';
const privileges = 'decide who the privileges are for';

/** Steps that remove an object that is not expected, or why there are none. */
export function dropSteps(object: ShapeObject, actual: Shape): FixSteps {
  const { kind, name, of, attributes } = object;
  switch (kind) {
    case 'index':
      return [step('drop', `drop index ${name}`)];
    case 'constraint':
      return [step('drop', `${alterOwner(object, actual)} drop constraint ${name}`)];
    case 'trigger':
    case 'rule':
    case 'policy':
      return [step('dropDependents', `drop ${kind} ${name} on ${of}`)];
    case 'view':
    case 'materialized view':
    case 'statistics':
      return [step('dropDependents', `drop ${kind} ${name}`)];
    case 'function':
    case 'procedure':
    case 'aggregate':
      return [step('drop', `drop ${kind} ${name}`)];
    case 'enum':
    case 'domain':
    case 'composite type':
      return [step('rest', `drop ${typeWord(kind)} ${name}`)];
    case 'sequence':
      return { why: attributes['owned by'] === undefined ? 'dropping it would lose its value' : rows };
    case 'table':
    case 'partitioned table':
    case 'column':
    case 'attribute':
      return { why: rows };
    case 'view column':
    case 'default privileges':
      return { why: privileges };
    default:
      return { why: `drop the ${kind} by hand` };
  }
}

/** An object as it should be and as it is, and the attributes that differ. */
export interface Changed {
  readonly expected: ShapeObject;
  readonly actual: ShapeObject;
  readonly attributes: readonly string[];
  /** The structure that is expected, and the one that exists. */
  readonly shape: Shape;
  readonly actualShape: Shape;
}

/** Steps that change an object to what is expected, or why there are none. */
export function changeSteps(changed: Changed): FixSteps {
  const whole = replacedSteps(changed);
  if (whole !== null) return whole;
  const all = changed.attributes.map((attribute) => attributeSteps(changed, attribute));
  return all.find((steps): steps is { readonly why: string } => 'why' in steps) ?? (all.flat() as FixStep[]);
}

const always: ReadonlySet<string> = new Set(['comment', 'grants', 'owner']);

/** Steps for an object that must be dropped and created again, or replaced; `null` for one that can be altered. */
function replacedSteps({ expected, actual, attributes, shape, actualShape }: Changed): FixSteps | null {
  const own = attributes.filter((attribute) => !always.has(attribute));
  const isDefinition = own.includes('definition');
  const again = (): FixSteps => {
    const [drop, create] = [dropSteps(actual, actualShape), createSteps(expected, shape)];
    return 'why' in drop ? drop : 'why' in create ? create : [...drop, ...create];
  };
  switch (expected.kind) {
    case 'table': {
      const { 'partition of': parent, 'partition bound': bound } = expected.attributes;
      if (!own.includes('partition of') || parent === undefined || 'partition of' in actual.attributes)
        return null;
      return [step('constraints', `alter table ${parent} attach partition ${expected.name} ${bound}`)];
    }
    case 'function':
    case 'procedure': {
      if (own.length === 0) return null;
      const isOther = own.includes('arguments') || own.includes('result');
      return isOther ? again() : createSteps(expected, shape);
    }
    case 'view':
      return isDefinition ? [step('views', `create or replace ${viewDefinition(expected)}`)] : null;
    case 'constraint':
      if (
        isDefinition &&
        expected.attributes.definition === actual.attributes.definition?.replace(/ NOT VALID$/, '')
      )
        return [step('constraints', `${alterOwner(expected, shape)} validate constraint ${expected.name}`)];
      return isDefinition ? again() : null;
    case 'index':
    case 'trigger':
    case 'rule':
    case 'materialized view':
      return isDefinition ? again() : null;
    case 'policy':
    case 'statistics':
      return own.length > 0 ? again() : null;
    default:
      return null;
  }
}

function attributeSteps(changed: Changed, attribute: string): FixSteps {
  const { expected, actual } = changed;
  const [was, is] = [expected.attributes[attribute], actual.attributes[attribute]];
  if (attribute === 'comment') return [step('rest', commentOn(expected, was ?? null, changed.shape))];
  if (attribute === 'owner' || attribute === 'grants')
    return { why: attribute === 'owner' ? 'decide who the owner is' : privileges };
  const sql = alterations(expected)[attribute]?.(was, is) ?? null;
  if (sql === null) return { why: reasons[attribute] ?? `change its ${attribute} by hand` };
  return (typeof sql === 'string' ? [sql] : sql).map((text) => step('rest', text));
}

const reasons: Readonly<Record<string, string>> = {
  'column order': 'the table would have to be created again',
  type: 'its rows might not fit, or lose digits',
  generated: 'its rows would have to be computed again',
  values: 'values of an enum cannot be removed or moved',
};

type Alteration = (was: string | undefined, is: string | undefined) => string | readonly string[] | null;

/** How to alter the attributes of an object; `was` is the expected value. */
function alterations(object: ShapeObject): Readonly<Record<string, Alteration>> {
  const { kind, name, of } = object;
  if (kind === 'column') return columnAlterations(`alter table ${of} alter ${name}`, object);
  if (kind === 'index') return indexAlterations(object);
  if (kind === 'trigger' || kind === 'rule') return { fires: (was) => firing(object, was) };
  if (kind === 'enum') return { values: (was, is) => addedValues(name, was ?? '', is ?? '') };
  if (kind === 'constraint') return { index: (was, is) => constraintIndex(name, was, is) };
  if (kind === 'sequence')
    return {
      definition: (was = '') => `alter sequence ${name} ${was}${was.endsWith(' cycle') ? '' : ' no cycle'}`,
      'owned by': (was) => `alter sequence ${name} owned by ${was ?? 'none'}`,
      persistence: (was) => `alter sequence ${name} set ${was ?? 'logged'}`,
    };
  if (kind === 'domain')
    return {
      'not null': (was) => `alter domain ${name} ${was === undefined ? 'drop' : 'set'} not null`,
      default: (was) => `alter domain ${name} ${was === undefined ? 'drop default' : `set default ${was}`}`,
    };
  const word = kind === 'view' || kind === 'materialized view' ? kind : 'table';
  return {
    options: (was, is) => optionChanges(`alter ${word} ${name}`, was, is),
    persistence: (was) => `alter table ${name} set ${was ?? 'logged'}`,
    'row level security': (was) => rowSecurity(name, was),
    'replica identity': (was) => replicaIdentity(name, was),
    tablespace: (was) => `alter ${word} ${name} set tablespace ${quoteIdentifier(was ?? 'pg_default')}`,
    inherits: (was, is) => parentChanges(name, was, is),
  };
}

function columnAlterations(alter: string, { attributes }: ShapeObject): Readonly<Record<string, Alteration>> {
  const { type, identity } = attributes;
  return {
    collation: (was) => `${alter} type ${type}${was === undefined ? '' : ` collate ${was}`}`,
    'not null': (was) => `${alter} ${was === undefined ? 'drop' : 'set'} not null`,
    // The sequence of an identity column is created and dropped with the identity, so only its kind can be altered.
    identity: (was, is) =>
      was !== undefined && is !== undefined ? `${alter} set generated ${identity}` : null,
    default: (was) => `${alter} ${was === undefined ? 'drop default' : `set default ${was}`}`,
    storage: (was) =>
      `${alter} set storage ${was ?? (/^(?:numeric|inet|cidr)/.test(type ?? '') ? 'main' : 'extended')}`,
    compression: (was) => `${alter} set compression ${was ?? 'default'}`,
    'statistics target': (was) => `${alter} set statistics ${was ?? '-1'}`,
    options: (was, is) => optionChanges(alter, was, is),
  };
}

function indexAlterations({ of, name }: ShapeObject): Readonly<Record<string, Alteration>> {
  return {
    state: (was) => (was === undefined ? `reindex index ${name}` : null),
    clustered: (was) =>
      was === undefined ? `alter table ${of} set without cluster` : `alter table ${of} cluster on ${name}`,
    tablespace: (was) => `alter index ${name} set tablespace ${quoteIdentifier(was ?? 'pg_default')}`,
  };
}

function constraintIndex(name: string, was = '', is = ''): string | readonly string[] | null {
  if (/clustered|invalid|tablespace/.test(was + is)) return null;
  return optionChanges(`alter index ${name}`, was || undefined, is || undefined);
}

function optionChanges(alter: string, was: string | undefined, is: string | undefined): string[] {
  const namesOf = (list = '') => list.split(', ').map((option) => option.replace(/=.*/s, ''));
  const kept = new Set(namesOf(was));
  const gone = namesOf(is).filter((option) => option !== '' && !kept.has(option));
  return [
    ...(gone.length === 0 ? [] : [`${alter} reset (${gone.join(', ')})`]),
    ...(was === undefined ? [] : [`${alter} set (${was})`]),
  ];
}

function parentChanges(name: string, was = '', is = ''): string[] {
  const list = (parents: string) => parents.split(', ').filter((parent) => parent !== '');
  return [
    ...list(is)
      .filter((parent) => !list(was).includes(parent))
      .map((parent) => `alter table ${name} no inherit ${parent}`),
    ...list(was)
      .filter((parent) => !list(is).includes(parent))
      .map((parent) => `alter table ${name} inherit ${parent}`),
  ];
}

/** SQL that adds values to an enum; `null` if that is not enough. */
function addedValues(name: string, was: string, is: string): string[] | null {
  const values = (list: string): readonly string[] => list.match(/'(?:[^']|'')*'/g) ?? [];
  const [wanted, present] = [values(was), values(is)];
  const kept = wanted.filter((value) => present.includes(value));
  if (kept.join() !== present.join()) return null;
  return wanted.flatMap((value, i) => {
    if (present.includes(value)) return [];
    const place =
      i === 0 ? (present[0] === undefined ? '' : ` before ${present[0]}`) : ` after ${wanted[i - 1]}`;
    return [`alter type ${name} add value ${value}${place}`];
  });
}
