import type { QualifiedName, Reach } from '../model.ts';
import type { ParsedStatement } from './parse.ts';

// They run code (functions, triggers, blocks) or decide what names mean.
const opaqueKinds: ReadonlySet<string> = new Set([
  'DoStmt',
  'CallStmt',
  'ExecuteStmt',
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'CopyStmt',
  'TruncateStmt',
  'CreateTableAsStmt',
  'RefreshMatViewStmt',
  'VariableSetStmt',
  'CreateExtensionStmt',
  'CreateSchemaStmt',
  'ImportForeignSchemaStmt',
  'DropOwnedStmt',
  'ReassignOwnedStmt',
]);

/** What a statement can reach. A foreign key's target and a column's type are only read. */
export function reachOf({ kind, fields }: ParsedStatement): Reach {
  const names = new Set<string>();
  let opaque = opaqueKinds.has(kind);
  const walk = (node: unknown): void => {
    if (typeof node === 'string') {
      // Dependents are dropped wherever they are.
      if (node === 'DROP_CASCADE') opaque = true;
      else names.add(node);
    } else if (Array.isArray(node)) {
      for (const item of node) walk(item);
    } else if (typeof node === 'object' && node !== null) {
      for (const [field, value] of Object.entries(node)) {
        // A default of a new table is not evaluated; elsewhere a function may do anything.
        if (field === 'FuncCall' && kind !== 'CreateStmt') opaque = true;
        // A column's type is one node; a type that a statement is about is a list of names.
        const read = onlyRead.has(field) || (field === 'typeName' && !Array.isArray(value));
        if (!read) walk(value);
      }
    }
  };
  if (!opaque) walk(fields);
  return { names, opaque, targets: targetsOf(kind, fields) };
}

const onlyRead: ReadonlySet<string> = new Set(['pktable', 'TypeName', 'A_Const', 'FuncCall']);

/** True where a statement may change what has one of these names, or something it does not name. */
export function mayChange({ names, opaque }: Reach, of: ReadonlySet<string>): boolean {
  return opaque || [...names].some((name) => of.has(name));
}

interface RangeVar {
  readonly schemaname?: string;
  readonly relname?: string;
}

function targetsOf(kind: string, fields: ParsedStatement['fields']): QualifiedName[] {
  if (kind === 'DropStmt') return droppedNames(fields.objects);
  if (!['IndexStmt', 'AlterTableStmt', 'ReindexStmt', 'RenameStmt', 'CreateTrigStmt'].includes(kind))
    return [];
  const { schemaname = null, relname } = (fields.relation ?? {}) as RangeVar;
  return relname === undefined ? [] : [{ schema: schemaname, name: relname }];
}

interface NameList {
  readonly List?: { readonly items?: readonly { readonly String?: { readonly sval?: string } }[] };
}

/** The names in `DROP TABLE a, s.b` and its like; none for objects that are not named by one list. */
export function droppedNames(objects: unknown): QualifiedName[] {
  if (!Array.isArray(objects)) return [];
  return (objects as NameList[]).flatMap(({ List }) => {
    const parts = (List?.items ?? []).map((item) => item.String?.sval ?? '');
    const name = parts.at(-1);
    return name === undefined ? [] : [{ schema: parts.at(-2) ?? null, name }];
  });
}
