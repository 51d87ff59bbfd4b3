import type { ParsedStatement } from './parse.ts';
import { byteIndexes } from './position.ts';

/** A value that a file adds to an enum and uses afterwards: PostgreSQL refuses that in one transaction (55P04). */
interface EarlyUse {
  /** UTF-16 index of the use. */
  readonly index: number;
  readonly value: string;
}

/**
 * Finds certain uses of an enum value that the file itself adds: a literal cast to the type, or the default of a
 * column of the type. The server finds other uses, since a text alone has no types. Values of an enum that the file
 * creates may be used at once. `text` is the parsed text, without comments.
 */
export function earlyEnumUses(statements: readonly ParsedStatement[], text: string): EarlyUse[] {
  if (!statements.some(({ kind }) => kind === 'AlterEnumStmt')) return [];
  const made = madeTypes(statements);
  const blocks = statements.filter(({ kind }) => kind === 'DoStmt' || kind === 'CallStmt');
  const unsure = blocks.map(({ start, end }) => text.slice(start, end).toLowerCase()).join('\n');
  const added = new Map<string, Set<string>>();
  const uses: EarlyUse[] = [];
  for (const statement of statements) {
    if (statement.kind === 'AlterEnumStmt') {
      const { newVal, oldVal, skipIfNewValExists, typeName } = statement.fields;
      const parts = namesOf(typeName);
      const name = parts.at(-1) ?? '';
      if (typeof newVal !== 'string' || oldVal !== undefined || skipIfNewValExists === true) continue;
      if (made.has(name) || unsure.includes(name.toLowerCase())) continue;
      const key = JSON.stringify(parts);
      added.set(key, (added.get(key) ?? new Set()).add(newVal));
    } else if (added.size > 0 && !isConditional(statement.fields)) {
      const indexOf = byteIndexes(text.slice(statement.start, statement.end));
      const found = literalsOf(statement.fields).filter(({ type, value }) => added.get(type)?.has(value));
      found.sort((a, b) => a.location - b.location);
      for (const { location, value } of found) {
        uses.push({ index: statement.start + indexOf(location - statement.byte), value });
      }
    }
  }
  return uses;
}

/** The last names of types that the file creates, or renames to a name that another type may have had. */
function madeTypes(statements: readonly ParsedStatement[]): ReadonlySet<string> {
  return new Set(
    statements.flatMap(({ kind, fields }) => {
      if (kind === 'CreateEnumStmt') return namesOf(fields.typeName).slice(-1);
      return kind === 'RenameStmt' && typeof fields.newname === 'string' ? [fields.newname] : [];
    }),
  );
}

/** True for a statement that may do nothing at all. */
function isConditional({ if_not_exists, missing_ok, cmds }: ParsedStatement['fields']): boolean {
  if (if_not_exists === true || missing_ok === true) return true;
  return ((cmds ?? []) as { AlterTableCmd?: { missing_ok?: boolean } }[]).some(
    ({ AlterTableCmd }) => AlterTableCmd?.missing_ok === true,
  );
}

/** A literal of a type that is written out; `type` is the JSON of its names, `location` counts bytes. */
interface TypedLiteral {
  readonly type: string;
  readonly value: string;
  readonly location: number;
}

interface TypeNode {
  readonly names?: unknown;
  readonly arrayBounds?: unknown;
}

interface Nodes {
  readonly TypeCast?: { readonly arg?: unknown; readonly typeName?: TypeNode };
  readonly ColumnDef?: {
    readonly typeName?: TypeNode;
    readonly constraints?: readonly { readonly Constraint?: { contype?: string; raw_expr?: unknown } }[];
  };
}

function literalsOf(node: unknown, found: TypedLiteral[] = []): TypedLiteral[] {
  if (typeof node !== 'object' || node === null) return found;
  const { TypeCast, ColumnDef } = node as Nodes;
  if (TypeCast !== undefined) found.push(...literal(TypeCast.arg, TypeCast.typeName));
  for (const { Constraint } of ColumnDef?.constraints ?? []) {
    if (Constraint?.contype === 'CONSTR_DEFAULT')
      found.push(...literal(Constraint.raw_expr, ColumnDef?.typeName));
  }
  for (const child of Object.values(node)) literalsOf(child, found);
  return found;
}

function literal(node: unknown, type: TypeNode | undefined): TypedLiteral[] {
  const constant = (node as { A_Const?: { sval?: { sval?: string }; location?: number } } | undefined)
    ?.A_Const;
  if (constant?.sval === undefined || type === undefined || type.arrayBounds !== undefined) return [];
  const { sval: value = '' } = constant.sval;
  return [{ type: JSON.stringify(namesOf(type.names)), value, location: constant.location ?? 0 }];
}

function namesOf(names: unknown): string[] {
  const parts = (names ?? []) as { readonly String?: { readonly sval?: string } }[];
  return parts.map((part) => part.String?.sval ?? '');
}
