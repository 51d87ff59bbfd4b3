import type { RangeVar } from '../sql/reach.ts';
import { lastName } from '../sql/uses.ts';
import { type RowStatement, wordsOf } from './row-statements.ts';

/** Whether the files may give a column another value than its present default; the names are not quoted. */
export type IsWritten = (table: string, column: string) => boolean;

type Fields = Readonly<Record<string, unknown>>;

interface Found {
  /** `table.column`; `table.*` for all columns of a table, and `*.column` for a column of any table. */
  readonly columns: Set<string>;
  /** The words of code that can write rows. */
  readonly code: Set<string>[];
  readonly codeOf: Map<string, Set<string>>;
  readonly fired: Map<string, string[]>;
}

/** Finds the columns to which statements give values, other than by leaving them out or with DEFAULT. */
export function writtenColumns(statements: readonly RowStatement[]): IsWritten {
  const found: Found = { columns: new Set(), code: [], codeOf: new Map(), fired: new Map() };
  for (const { kind, fields, text } of statements) {
    noteNode({ [kind]: fields }, found);
    if (kind !== 'DoStmt' && kind !== 'CreateFunctionStmt') continue;
    const words = wordsOf(text);
    found.code.push(words);
    const name = lastName(fields.funcname);
    found.codeOf.set(name, new Set([...(found.codeOf.get(name) ?? []), ...words]));
  }
  const { columns, code, codeOf, fired } = found;
  return (table, column) =>
    [`${table}.${column}`, `${table}.*`, `*.${column}`, '*.*'].some((name) => columns.has(name)) ||
    code.some((words) => words.has(table.toLowerCase()) && words.has(column.toLowerCase())) ||
    (fired.get(table) ?? []).some((name) => codeOf.get(name)?.has(column.toLowerCase()) ?? true);
}

/** Notes what a node and the nodes within it write. */
function noteNode(node: unknown, found: Found): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [kind, value] of Object.entries(node)) {
    if (!Array.isArray(value) && typeof value === 'object' && value !== null)
      notes[kind]?.(value as Fields, tableOf(value as Fields), found);
    noteNode(value, found);
  }
}

const notes: Readonly<Record<string, (fields: Fields, table: string, found: Found) => void>> = {
  InsertStmt: (fields, table, { columns }) => {
    for (const column of insertedColumns(fields)) columns.add(`${table}.${column}`);
    const { targetList } = (fields.onConflictClause ?? {}) as Fields;
    for (const column of setColumns(targetList)) columns.add(`${table}.${column}`);
  },
  UpdateStmt: ({ targetList }, table, { columns }) => {
    for (const column of setColumns(targetList)) columns.add(`${table}.${column}`);
  },
  MergeStmt: (_, table, { columns }) => columns.add(`${table}.*`),
  CopyStmt: (_, table, { columns }) => columns.add(`${table}.*`),
  CreateTrigStmt: ({ funcname }, table, { fired }) =>
    fired.set(table, [...(fired.get(table) ?? []), lastName(funcname)]),
  // The rows that exist keep the values of another default, or get one that is computed.
  AlterTableCmd: ({ subtype, name, def }, _, { columns }) => {
    const { raw_default: using } = ((def as Fields | undefined)?.ColumnDef ?? {}) as Fields;
    const isComputed = subtype === 'AT_AlterColumnType' && using !== undefined;
    if ((subtype === 'AT_ColumnDefault' && def !== undefined) || isComputed) columns.add(`*.${name}`);
  },
  // The name under which it was written is another one.
  RenameStmt: ({ renameType, newname }, table, { columns }) => {
    if (renameType === 'OBJECT_TABLE') columns.add(`${newname}.*`);
    if (renameType === 'OBJECT_COLUMN') columns.add(`${table}.${newname}`);
  },
};

function tableOf({ relation }: Fields): string {
  return (relation as RangeVar | undefined)?.relname ?? '';
}

/** The columns to which INSERT gives a value. */
function insertedColumns({ cols, selectStmt }: Fields): string[] {
  if (selectStmt === undefined) return [];
  if (cols === undefined) return ['*'];
  const { valuesLists } = ((selectStmt as Fields).SelectStmt ?? {}) as Fields;
  const rows = ((valuesLists ?? []) as { readonly List: { readonly items: readonly Fields[] } }[]).map(
    ({ List }) => List.items,
  );
  const isDefault = (i: number) =>
    rows.length > 0 && rows.every((row) => row[i] !== undefined && 'SetToDefault' in row[i]);
  return targets(cols).flatMap(({ name }, i) => (isDefault(i) ? [] : [name]));
}

/** The columns to which SET gives a value. */
function setColumns(targetList: unknown): string[] {
  return targets(targetList).flatMap(({ name, val }) => (val && 'SetToDefault' in val ? [] : [name]));
}

function targets(list: unknown): { readonly name: string; readonly val?: Fields }[] {
  return ((list ?? []) as { readonly ResTarget: { readonly name: string; readonly val?: Fields } }[]).map(
    ({ ResTarget }) => ResTarget,
  );
}
