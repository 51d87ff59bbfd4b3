import { withoutComments } from './comments.ts';
import { foldedName, identifierPattern } from './identifier.ts';
import type { ParsedStatement } from './parse.ts';

/** What can run code: a function that is called, and a relation or type that is read or written. */
export type CodeUse = `${'calls' | 'reads' | 'writes'} ${string}`;

/** What a statement uses, by the last part of its names. The bodies in it are text, in which any name counts. */
export function usesOf({ kind, fields }: Pick<ParsedStatement, 'kind' | 'fields'>): Set<CodeUse> {
  const uses = new Set<CodeUse>();
  const walk = (node: unknown, key: string): void => {
    if (Array.isArray(node)) {
      for (const item of node) walk(item, key);
    } else if (typeof node === 'object' && node !== null) {
      for (const use of usesOfNode(node, { key, kind })) uses.add(use);
      for (const [field, value] of Object.entries(node)) {
        // The target of a foreign key runs nothing.
        if (field !== 'pktable') walk(value, field);
      }
    }
  };
  walk(fields, kind);
  return uses;
}

interface Node {
  readonly funcname?: unknown;
  readonly relname?: string;
  readonly names?: unknown;
  readonly name?: unknown;
  readonly defname?: string;
  readonly arg?: unknown;
  readonly sval?: string;
}

/** `key`: the field that has the node; `kind`: of the statement. */
function usesOfNode(node: Node, { key, kind }: { readonly key: string; readonly kind: string }): CodeUse[] {
  if (key === 'CreateFunctionStmt') return [];
  if (node.funcname !== undefined) return [`calls ${lastName(node.funcname)}`];
  if (key === 'A_Expr') return [`calls ${lastName(node.name)}`];
  if (node.relname !== undefined) {
    const isWritten = key === 'relation' || kind === 'TruncateStmt' || kind === 'CreateStmt';
    return [`reads ${node.relname}`, ...(isWritten ? [`writes ${node.relname}` as const] : [])];
  }
  if (Array.isArray(node.names)) {
    const name = lastName(node.names);
    // The functions of an aggregate or an operator are parsed as types.
    return kind === 'DefineStmt' ? [`calls ${name}`] : [`reads ${name}`];
  }
  if (key === 'DefElem' && node.defname === 'as') return stringsIn(node.arg).flatMap(usesInBody);
  // A function may execute its argument.
  return key === 'sval' && (kind === 'SelectStmt' || kind === 'CallStmt') ? callsIn(node.sval ?? '') : [];
}

const call = new RegExp(String.raw`(${identifierPattern})\s*\(`, 'gu');
const word = new RegExp(identifierPattern, 'gu');

function callsIn(text: string): CodeUse[] {
  return [...text.matchAll(call)].map(([, name = '']): CodeUse => `calls ${foldedName(name)}`);
}

function usesInBody(commented: string): CodeUse[] {
  const { text, unclosed } = withoutComments(commented);
  const body = unclosed === null ? text : commented;
  const words = [...body.matchAll(word)].map(([name]) => foldedName(name));
  const relations = words.flatMap((name): CodeUse[] => [`reads ${name}`, `writes ${name}`]);
  // The body of a function in the language "internal" is the name of another one.
  return [...callsIn(body), ...callsIn(words.length === 1 ? `${body}(` : ''), ...relations];
}

/** The strings in a node: one, or a list. */
function stringsIn(node: unknown): string[] {
  const { String: one, List: list } = (node ?? {}) as {
    readonly String?: { readonly sval?: string };
    readonly List?: { readonly items?: readonly unknown[] };
  };
  return [...(one?.sval === undefined ? [] : [one.sval]), ...(list?.items ?? []).flatMap(stringsIn)];
}

/** The last part of a name that is a list of strings, such as `orders` of `public.orders`. */
export function lastName(list: unknown): string {
  const last = (Array.isArray(list) ? list : []).at(-1) as
    | { readonly String?: { readonly sval?: string } }
    | undefined;
  return last?.String?.sval ?? '';
}
