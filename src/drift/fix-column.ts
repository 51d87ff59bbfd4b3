import { fullName, type Shape, type ShapeObject } from '../structure/shape.ts';
import { type FixStep, step } from './fix-step.ts';

/** The definition of a column, as in CREATE TABLE. `inherited`: it gets its generation expression from a parent. */
export function columnDefinition(column: ShapeObject, expected: Shape, inherited = false): string {
  const { name, attributes } = column;
  const { type, collation, identity, generated, default: value } = attributes;
  const sequence = expected.find(
    ({ kind, attributes: owned }) => kind === 'sequence' && owned['owned by'] === fullName(column),
  );
  const identityOptions =
    sequence === undefined
      ? ''
      : ` (sequence name ${sequence.name} ${(sequence.attributes.definition ?? '').replace(/^as \S+ /, '')})`;
  return [
    name,
    type,
    ...(collation === undefined ? [] : [`collate ${collation}`]),
    ...(value === undefined ? [] : [`default ${value}`]),
    ...(generated === undefined || inherited ? [] : [generatedAs(generated)]),
    ...(identity === undefined ? [] : [`generated ${identity} as identity${identityOptions}`]),
    ...(attributes['not null'] === undefined ? [] : ['not null']),
  ].join(' ');
}

function generatedAs(generated: string): string {
  const [, kind = 'stored', expression = ''] = /^(stored|virtual): ([\s\S]*)$/.exec(generated) ?? [];
  return `generated always as (${expression}) ${kind}`;
}

/** Settings of a column that are not part of `columnDefinition`. */
export function columnSettings({ of, name, attributes }: ShapeObject): FixStep[] {
  const alter = `alter table ${of} alter ${name}`;
  const { storage, compression, options } = attributes;
  const target = attributes['statistics target'];
  return [
    ...(storage === undefined ? [] : [step('rest', `${alter} set storage ${storage}`)]),
    ...(compression === undefined ? [] : [step('rest', `${alter} set compression ${compression}`)]),
    ...(target === undefined ? [] : [step('rest', `${alter} set statistics ${target}`)]),
    ...(options === undefined ? [] : [step('rest', `${alter} set (${options})`)]),
  ];
}
