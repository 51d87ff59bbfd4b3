import { quoteBody, quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { fullName, type Shape, type ShapeObject } from '../structure/shape.ts';
import { columnDefinition, columnSettings } from './fix-column.ts';
import { type Creator, typeCreators } from './fix-create-types.ts';
import { commentSteps, type FixStep, type FixSteps, isOfDomain, step } from './fix-step.ts';

/** Steps that create a missing object, with its parts and comment. */
export function createSteps(object: ShapeObject, expected: Shape): FixSteps {
  const own = ownSteps(object, expected);
  return 'why' in own ? own : [...own, ...partSteps(object, expected)];
}

/** Steps that create an object, with its comment, without its parts; those of a table include its columns. */
export function ownSteps(object: ShapeObject, expected: Shape): FixSteps {
  const make = creators[object.kind];
  const made = make?.(object, expected) ?? byHand(`create the ${object.kind} as its file does`);
  return 'why' in made ? made : [...made, ...commentSteps(object, expected)];
}

const byHand = (why: string) => ({ why });

function partSteps({ kind, name }: ShapeObject, expected: Shape): FixStep[] {
  if (!hasParts(kind)) return [];
  const within = ['column', 'attribute'];
  const parts = expected.filter(({ of, kind: part }) => of === name && !within.includes(part));
  return parts.flatMap((part) => {
    const steps = createSteps(part, expected);
    return 'why' in steps ? [] : [...steps];
  });
}

function hasParts(kind: string): boolean {
  return ['table', 'view', 'materialized view', 'domain'].includes(kind);
}

const createTable: Creator = (table, expected) => {
  const unusual = ['partition of', 'of type', 'partition key', 'server'].find(
    (key) => key in table.attributes,
  );
  return unusual === undefined
    ? tableSteps(table, expected)
    : byHand(`create the table (${unusual}) as its file does`);
};

/** Steps that create a table with its columns, or a partition, which has those of its table. */
export function tableSteps({ name, attributes }: ShapeObject, expected: Shape): FixStep[] {
  const order = (attributes['column order'] ?? '').split(', ');
  const columns = expected
    .filter(({ of, kind }) => of === name && kind === 'column')
    .sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const { persistence, inherits, options, tablespace } = attributes;
  const parents = inherits?.split(', ') ?? [];
  // Up to PostgreSQL 15, a column must not repeat the expression of a parent (42P16).
  const isInherited = (column: ShapeObject) =>
    expected.some(
      ({ of, kind, name, attributes: { generated } }) =>
        kind === 'column' &&
        parents.includes(of ?? '') &&
        name === column.name &&
        generated === column.attributes.generated,
    );
  const lines = columns
    .map((column) => `  ${columnDefinition(column, expected, isInherited(column))}`)
    .join(',\n');
  const { 'partition of': parent, 'partition bound': bound, 'partition key': key } = attributes;
  const method = attributes['access method'];
  const security = attributes['row level security'];
  const identity = attributes['replica identity'];
  const create = [
    `create ${persistence === undefined ? '' : 'unlogged '}table ${name}`,
    parent === undefined ? `(\n${lines}\n)` : `partition of ${parent} ${bound}`,
    ...(inherits === undefined ? [] : [`inherits (${inherits})`]),
    ...(key === undefined ? [] : [`partition by ${key}`]),
    ...(method === undefined ? [] : [`using ${quoteIdentifier(method)}`]),
    ...storageOptions(options, attributes['TOAST options']),
    ...(tablespace === undefined ? [] : [`tablespace ${quoteIdentifier(tablespace)}`]),
  ].join(' ');
  return [
    ...serials(name, expected),
    step('tables', create),
    ...columns.flatMap((column) => [...columnSettings(column), ...commentSteps(column, expected)]),
    ...(security === undefined ? [] : rowSecurity(name, security).map((sql) => step('rest', sql))),
    ...(identity === undefined ? [] : [step('rest', replicaIdentity(name, identity))]),
  ];
}

function storageOptions(options: string | undefined, toast: string | undefined): string[] {
  const ofToast = toast?.split(', ').map((option) => `toast.${option}`) ?? [];
  const list = [...(options === undefined ? [] : [options]), ...ofToast];
  return list.length === 0 ? [] : [`with (${list.join(', ')})`];
}

/** The sequences of serial columns: unlike those of identity columns, they exist before their table. */
function serials(table: string, expected: Shape): FixStep[] {
  return expected.flatMap((object) => {
    const owner = object.attributes['owned by'];
    const column = expected.find((candidate) => candidate.of === table && fullName(candidate) === owner);
    if (object.kind !== 'sequence' || column?.attributes.identity !== undefined || column === undefined)
      return [];
    return createSequence(object, owner);
  });
}

function createSequence({ name, attributes }: ShapeObject, owner: string | undefined): FixStep[] {
  const { definition, persistence } = attributes;
  return [
    step('types', `create ${persistence === undefined ? '' : 'unlogged '}sequence ${name} ${definition}`),
    ...(owner === undefined ? [] : [step('rest', `alter sequence ${name} owned by ${owner}`)]),
  ];
}

/** SQL for the row level security of a table; undefined disables it. */
export function rowSecurity(table: string, security: string | undefined): string[] {
  const isEnabled = security === 'enabled' || security === 'forced';
  const isForced = security?.startsWith('forced') === true;
  return [
    `alter table ${table} ${isEnabled ? 'enable' : 'disable'} row level security`,
    `alter table ${table} ${isForced ? '' : 'no '}force row level security`,
  ];
}

/** SQL for the replica identity of a table; undefined sets the default. */
export function replicaIdentity(table: string, identity: string | undefined): string {
  return `alter table ${table} replica identity ${identity?.replace(/^index /, 'using index ') ?? 'default'}`;
}

/** The name of a function without the types of its arguments. */
function functionName({ name }: ShapeObject): string {
  return /^(?:"(?:[^"]|"")*"|[^("]+)/.exec(name)?.[0] ?? name;
}

const createFunction: Creator = (object) => {
  const {
    arguments: list = '',
    result,
    language,
    behavior = '',
    cost,
    settings,
    body,
    library,
  } = object.attributes;
  const sqlBody = object.attributes['SQL body'];
  if (library !== undefined || object.kind === 'window function' || object.attributes.support !== undefined)
    return byHand('create the function as its file does');
  if (settings?.includes('(own schema)') === true) return byHand('its settings name the schema');
  const [, price = '', rows] = /^(\S+?)(?: rows (\S+))?$/.exec(cost ?? '') ?? [];
  const isProcedure = object.kind === 'procedure';
  const clauses = [
    `create or replace ${object.kind} ${functionName(object)}(${list})`,
    ...(isProcedure ? [] : [`returns ${result}`]),
    `language ${quoteIdentifier(language ?? 'sql')}`,
    isProcedure ? (behavior.includes('security definer') ? 'security definer' : '') : behavior,
    ...(isProcedure || price === '' ? [] : [`cost ${price}${rows === undefined ? '' : ` rows ${rows}`}`]),
    ...(settings === undefined ? [] : settings.split('; ').map(settingClause)),
    sqlBody ?? `as ${quoteBody(body ?? '')}`,
  ];
  return [step('functions', clauses.filter((clause) => clause !== '').join('\n'))];
};

function settingClause(setting: string): string {
  const [, name = '', value = ''] = /^(.*?)=(.*)$/s.exec(setting) ?? [];
  if (name !== 'search_path') return `set ${name} = ${quoteLiteral(value)}`;
  // An empty name is stored as "", which is no identifier.
  return `set search_path = ${value.replaceAll(/(?<=^|, )""(?=,|$)/g, "''")}`;
}

const createPolicy: Creator = ({ name, of, attributes }) => {
  const { definition = '', using } = attributes;
  const check = attributes['with check'];
  const [kind = 'permissive', ...rest] = definition.split(' ');
  const expressions = [
    ...(using === undefined ? [] : [`using (${using})`]),
    ...(check === undefined ? [] : [`with check (${check})`]),
  ];
  return [
    step(
      'triggers',
      `create policy ${name} on ${of} as ${kind} ${[rest.join(' '), ...expressions].join(' ')}`,
    ),
  ];
};

const createView: Creator = (view) => [step('views', `create ${viewDefinition(view)}`)];

/** A view as in CREATE VIEW, without the word CREATE. */
export function viewDefinition({
  kind,
  name,
  attributes: { definition = '', options },
}: ShapeObject): string {
  const settings = options === undefined ? '' : ` with (${options})`;
  return `${kind} ${name}${settings} as\n${definition.replace(/;\s*$/, '')}`;
}

const createConstraint: Creator = (constraint, expected) => {
  const { name, attributes } = constraint;
  const { definition = '', triggers } = attributes;
  if (triggers !== undefined) return byHand('its triggers are not enabled as usual');
  const isForeignKey = definition.startsWith('FOREIGN KEY');
  const stage = isOfDomain(constraint, expected) ? 'types' : isForeignKey ? 'constraints' : 'keys';
  const ofIndex = (attributes.index ?? '').split(', ').filter((option) => option !== '');
  const options = ofIndex.filter((option) => option.includes('='));
  if (ofIndex.some((option) => /^(?:invalid|tablespace )/.test(option)))
    return byHand('create its index as the file does');
  return [
    step(stage, `${alterOwner(constraint, expected)} add constraint ${name} ${definition}`),
    ...(options.length === 0 ? [] : [step('rest', `alter index ${name} set (${options.join(', ')})`)]),
    ...(ofIndex.includes('clustered')
      ? [step('rest', `alter table ${constraint.of} cluster on ${name}`)]
      : []),
  ];
};

/** The beginning of a statement that alters the table or domain of a constraint. */
export function alterOwner(constraint: ShapeObject, shape: Shape): string {
  return `alter ${isOfDomain(constraint, shape) ? 'domain' : 'table'} ${constraint.of}`;
}

const fires: Readonly<Record<string, string>> = {
  disabled: 'disable',
  replica: 'enable replica',
  always: 'enable always',
};

/** SQL that sets when a trigger or rule fires; undefined sets the default. */
export function firing({ kind, of, name }: ShapeObject, when: string | undefined): string {
  return `alter table ${of} ${fires[when ?? ''] ?? 'enable'} ${kind} ${name}`;
}

const createTrigger: Creator = (object) => {
  const { definition = '', fires: when } = object.attributes;
  const text = definition.replace(/;\s*$/, '');
  return [step('triggers', text), ...(when === undefined ? [] : [step('rest', firing(object, when))])];
};

const createStatistics: Creator = ({ name, attributes: { definition = '', target } }) => {
  const [, kinds = '', rest = ''] = /^\{([^}]*)\} (on [\s\S]*)$/.exec(definition) ?? [];
  const words: Readonly<Record<string, string>> = { d: 'ndistinct', f: 'dependencies', m: 'mcv' };
  const named = kinds.split(',').flatMap((kind) => words[kind] ?? []);
  const list = named.length === 0 ? '' : ` (${named.join(', ')})`;
  return [
    step('indexes', `create statistics ${name}${list} ${rest}`),
    ...(target === undefined ? [] : [step('rest', `alter statistics ${name} set statistics ${target}`)]),
  ];
};

const creators: Readonly<Record<string, Creator>> = {
  ...typeCreators,
  table: createTable,
  column: (column, expected) => [
    step('columns', `alter table ${column.of} add column ${columnDefinition(column, expected)}`),
    ...columnSettings(column),
  ],
  constraint: createConstraint,
  index: ({ of, name, attributes: { definition = '', clustered } }) => [
    step('indexes', definition),
    ...(clustered === undefined ? [] : [step('rest', `alter table ${of} cluster on ${name}`)]),
  ],
  sequence: (object) => createSequence(object, object.attributes['owned by']),
  view: createView,
  'materialized view': createView,
  function: createFunction,
  procedure: createFunction,
  trigger: createTrigger,
  rule: createTrigger,
  policy: createPolicy,
  enum: ({ name, attributes: { values } }) => [step('types', `create type ${name} as enum (${values})`)],
  attribute: ({ of, name, attributes: { type } }) => [
    step('types', `alter type ${of} add attribute ${name} ${type}`),
  ],
  statistics: createStatistics,
};
