import { quoteLiteral } from '../sql/quote.ts';
import type { Shape, ShapeObject } from '../structure/shape.ts';
import { type FixSteps, step } from './fix-step.ts';

/** Writes the statements that create one object, without its parts and comment, or says why it cannot. */
export type Creator = (object: ShapeObject, expected: Shape) => FixSteps;

const createDomain: Creator = ({ name, attributes }) => {
  const { type, collation, default: value } = attributes;
  const clauses = [
    `create domain ${name} as ${type}`,
    ...(collation === undefined ? [] : [`collate ${collation}`]),
    ...(value === undefined ? [] : [`default ${value}`]),
    ...(attributes['not null'] === undefined ? [] : ['not null']),
  ];
  return [step('types', clauses.join(' '))];
};

const createComposite: Creator = ({ name, attributes: { 'column order': order = '' } }, expected) => {
  const places = order.split(', ');
  const list = expected
    .filter(({ of, kind }) => of === name && kind === 'attribute')
    .sort((a, b) => places.indexOf(a.name) - places.indexOf(b.name))
    .map(({ name: attribute, attributes: { type, collation } }) =>
      [attribute, type, ...(collation === undefined ? [] : [`collate ${collation}`])].join(' '),
    );
  return [step('types', `create type ${name} as (${list.join(', ')})`)];
};

const createRange: Creator = ({ name, attributes }) => {
  const { subtype, collation, canonical, multirange } = attributes;
  if (canonical !== undefined)
    return { why: 'create the range and its canonical function as their file does' };
  const options = [
    `subtype = ${subtype}`,
    `subtype_opclass = ${attributes['operator class']}`,
    ...(collation === undefined ? [] : [`collation = ${collation}`]),
    ...(attributes['subtype diff'] === undefined ? [] : [`subtype_diff = ${attributes['subtype diff']}`]),
    `multirange_type_name = ${multirange}`,
  ];
  return [step('types', `create type ${name} as range (${options.join(', ')})`)];
};

const plainAggregate =
  /^n; sfunc (\S+); stype (.+?)(?:; final (\S+) ([rsw]))?(?:; combine (\S+))?(?:; initial ([\s\S]*))?$/;

const createAggregate: Creator = ({ name, attributes: { aggregate = '', behavior = '', ...more } }) => {
  const found = plainAggregate.exec(aggregate);
  if (found === null || /; (?:serial|deserial|moving|sort) /.test(aggregate))
    return { why: 'create the aggregate as its file does' };
  const [, sfunc, stype, final, modify, combine, initial] = found;
  const modes: Readonly<Record<string, string>> = { r: 'read_only', s: 'shareable', w: 'read_write' };
  const options = [
    `sfunc = ${sfunc}`,
    `stype = ${stype}`,
    ...(final === undefined ? [] : [`finalfunc = ${final}`, `finalfunc_modify = ${modes[modify ?? '']}`]),
    ...(combine === undefined ? [] : [`combinefunc = ${combine}`]),
    ...(initial === undefined ? [] : [`initcond = ${quoteLiteral(initial)}`]),
    ...(/parallel (\w+)/.exec(behavior)?.slice(1) ?? []).map((parallel) => `parallel = ${parallel}`),
  ];
  const [own] = /^(?:"(?:[^"]|"")*"|[^("]+)/.exec(name) ?? [name];
  return [step('functions', `create aggregate ${own}(${more.arguments ?? ''}) (${options.join(', ')})`)];
};

const createDictionary: Creator = ({ name, attributes: { template, options } }) => {
  const list = [`template = ${template}`, ...(options === undefined ? [] : [options])];
  return [step('types', `create text search dictionary ${name} (${list.join(', ')})`)];
};

/** The creators of types, aggregates and dictionaries, by kind. */
export const typeCreators: Readonly<Record<string, Creator>> = {
  domain: createDomain,
  'composite type': createComposite,
  range: createRange,
  aggregate: createAggregate,
  'text search dictionary': createDictionary,
};
