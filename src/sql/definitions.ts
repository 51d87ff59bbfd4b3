import type { ParsedStatement } from './parse.ts';
import { droppedNames, isPartOfTable } from './reach.ts';
import { type CodeUse, lastName, usesOf } from './uses.ts';

type Fields = ParsedStatement['fields'];

/** What a statement defines without running it. */
interface Definition {
  /** What runs it. */
  readonly on: readonly CodeUse[];
  /** Tells it from others of the same name: overloaded functions, the triggers of a table. */
  readonly part: string;
}

/** What the statements of some files have defined so far. */
export interface Definitions {
  /** Records what a statement defines, or removes what it drops. */
  add(statement: ParsedStatement): void;
  /** The first accepted use, among these and the uses in the definitions that they call; `null` if there is none. */
  find(uses: Iterable<CodeUse>, accepts: (use: CodeUse) => boolean): CodeUse | null;
}

/** Definitions are found by name, in any schema, and are kept while they may be valid. */
export function createDefinitions(): Definitions {
  const definitions = new Map<CodeUse, Map<string, Set<CodeUse>>>();
  const define = ({ on, part }: Definition, uses: Set<CodeUse>, replace: boolean) => {
    for (const use of on) {
      const parts = definitions.get(use) ?? new Map<string, Set<CodeUse>>();
      definitions.set(use, parts.set(part, replace ? uses : new Set([...(parts.get(part) ?? []), ...uses])));
    }
  };
  const forget = ({ on, part }: Definition) => {
    for (const use of on) {
      if (part === every) definitions.delete(use);
      else definitions.get(use)?.delete(part);
    }
  };
  return {
    add(statement) {
      const { kind, fields } = statement;
      if (kind === 'DropStmt') for (const dropped of droppedBy(fields)) forget(dropped);
      if (kind === 'RenameStmt') {
        const [from, to] = renamedBy(fields);
        for (const [i, use] of from.entries())
          for (const [part, uses] of definitions.get(use) ?? [])
            define({ on: to.slice(i, i + 1), part }, uses, false);
      }
      const definition = definedBy(kind, fields);
      if (definition !== null) define(definition, usesOf(statement), fields.replace === true);
    },
    find(uses, accepts) {
      const seen = new Set<CodeUse>(uses);
      // Grows while it is read.
      for (const use of seen) {
        if (accepts(use)) return use;
        for (const further of definitions.get(use)?.values() ?? [])
          for (const found of further) seen.add(found);
      }
      return null;
    },
  };
}

const every = '*';

function definedBy(kind: string, fields: Fields): Definition | null {
  const name = (fields.relation as { readonly relname?: string } | undefined)?.relname ?? '';
  switch (kind) {
    case 'CreateFunctionStmt':
      return { on: [`calls ${lastName(fields.funcname)}`], part: signatureOf(fields.parameters) };
    case 'DefineStmt':
      return { on: [`calls ${lastName(fields.defnames)}`], part: '' };
    case 'CreateDomainStmt':
      return { on: [`reads ${lastName(fields.domainname)}`], part: '' };
    case 'CreateStmt':
      return { on: [`writes ${name}`], part: '' };
    case 'AlterTableStmt':
      return { on: [`writes ${name}`], part: '' };
    case 'ViewStmt':
      return { on: relation((fields.view as { readonly relname?: string }).relname ?? ''), part: '' };
    case 'RuleStmt':
      return { on: relation(name), part: String(fields.rulename) };
    case 'CreateTrigStmt':
      return { on: [`writes ${name}`], part: String(fields.trigname) };
    case 'CreatePolicyStmt':
    case 'AlterPolicyStmt': {
      const { relname = '' } = fields.table as { readonly relname?: string };
      return { on: relation(relname), part: String(fields.policy_name) };
    }
    default:
      return null;
  }
}

function relation(name: string): CodeUse[] {
  return [`reads ${name}`, `writes ${name}`];
}

interface FunctionNode {
  readonly objname?: unknown;
  readonly objargs?: unknown;
  readonly args_unspecified?: boolean;
}

interface ObjectNode {
  readonly ObjectWithArgs?: FunctionNode;
  readonly TypeName?: { readonly names?: unknown };
}

function droppedBy({ removeType, objects }: Fields): Definition[] {
  const nodes = (Array.isArray(objects) ? objects : []) as ObjectNode[];
  const functions = nodes.flatMap(({ ObjectWithArgs: one, TypeName: type }): Definition[] => {
    if (type !== undefined) return [{ on: relation(lastName(type.names)), part: every }];
    if (one === undefined) return [];
    const part = one.args_unspecified === true ? every : signatureOf(one.objargs);
    return [{ on: [`calls ${lastName(one.objname)}`], part }];
  });
  const relations = droppedNames(objects).map(({ schema, name }) =>
    isPartOfTable(removeType)
      ? { on: relation(schema ?? ''), part: name }
      : { on: relation(name), part: every },
  );
  return [...functions, ...relations];
}

/** The old and the new name of an object. */
function renamedBy({ object, relation: renamed, newname }: Fields): [CodeUse[], CodeUse[]] {
  const to = String(newname);
  const { ObjectWithArgs: one } = (object ?? {}) as ObjectNode;
  if (one !== undefined) return [[`calls ${lastName(one.objname)}`], [`calls ${to}`]];
  const { relname } = (renamed ?? {}) as { readonly relname?: string };
  return relname === undefined ? [[], []] : [relation(relname), relation(to)];
}

interface ParameterNode {
  readonly FunctionParameter?: { readonly mode?: string; readonly argType?: object };
  readonly TypeName?: object;
}

/** The types that a function is called with, as its definition or DROP has them. */
function signatureOf(parameters: unknown): string {
  const types = ((parameters ?? []) as readonly ParameterNode[]).flatMap(
    ({ FunctionParameter: parameter, TypeName: type = parameter?.argType }) =>
      /_(OUT|TABLE)$/.test(parameter?.mode ?? '') ? [] : [type],
  );
  return types
    .map((type) => {
      const { names, arrayBounds } = (type ?? {}) as { names?: unknown; arrayBounds?: unknown };
      return `${lastName(names)}${arrayBounds === undefined ? '' : '[]'}`;
    })
    .join();
}
