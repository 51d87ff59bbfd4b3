import { quoteLiteral } from '../sql/quote.ts';
import type { Shape, ShapeObject } from '../structure/shape.ts';

/** A statement that creates, changes or drops an object; lower stages run first. */
export interface FixStep {
  readonly stage: number;
  readonly sql: string;
}

/** The order of the steps: an object is created before those that depend on it, and dropped after them. */
export const stages = {
  dropDependents: 0,
  drop: 1,
  types: 2,
  tables: 3,
  columns: 4,
  functions: 5,
  rows: 6,
  keys: 7,
  constraints: 8,
  views: 9,
  indexes: 10,
  triggers: 11,
  rest: 12,
  privileges: 13,
} as const;

/** The steps of one object, or why there are none. */
export type FixSteps = readonly FixStep[] | { readonly why: string };

/** A step. */
export function step(stage: keyof typeof stages, sql: string): FixStep {
  return { stage: stages[stage], sql };
}

/** SQL for the comment of an object. */
export function commentSteps(object: ShapeObject, shape: Shape): FixStep[] {
  const { comment } = object.attributes;
  return comment === undefined ? [] : [step('rest', commentOn(object, comment, shape))];
}

/** SQL that sets a comment; `null` removes it. */
export function commentOn(object: ShapeObject, comment: string | null, shape: Shape): string {
  const { kind, name, of } = object;
  const isOfTable = ['constraint', 'trigger', 'rule', 'policy'].includes(kind);
  const owner = isOfDomain(object, shape) ? `domain ${of}` : of;
  const isColumn = ['column', 'view column', 'attribute'].includes(kind);
  const target = isColumn
    ? `column ${of}.${name}`
    : `${typeWord(kind)} ${name}${isOfTable ? ` on ${owner}` : ''}`;
  return `comment on ${target} is ${comment === null ? 'null' : quoteLiteral(comment)}`;
}

/** Whether an object, such as a constraint, belongs to a domain. */
export function isOfDomain({ of }: ShapeObject, shape: Shape): boolean {
  return shape.some(({ kind, name }) => kind === 'domain' && name === of);
}

/** The keyword for a kind of object in COMMENT, DROP and ALTER. */
export function typeWord(kind: string): string {
  const words: Readonly<Record<string, string>> = {
    enum: 'type',
    range: 'type',
    'base type': 'type',
    'composite type': 'type',
    'partitioned table': 'table',
  };
  return words[kind] ?? kind;
}
