import type { ParsedStatement } from './parse.ts';
import type { RangeVar } from './reach.ts';

/** A constraint of a column or a table, as in PostgreSQL's parsenodes.h. */
export interface ConstraintNode {
  readonly contype?: string;
  readonly conname?: string;
  /** The index it uses (`USING INDEX`). */
  readonly indexname?: string;
  /** True for NOT VALID. */
  readonly skip_validation?: boolean;
  /** The expression of a default or a check. */
  readonly raw_expr?: unknown;
  /** The columns of a table constraint. */
  readonly keys?: readonly { readonly String?: { readonly sval?: string } }[];
  readonly pktable?: RangeVar;
  /** `s` for a stored generated column, `v` for a virtual one. */
  readonly generated_kind?: string;
}

/** A column definition. */
export interface ColumnNode {
  readonly colname?: string;
  readonly typeName?: { readonly names?: readonly { readonly String?: { readonly sval?: string } }[] };
  readonly constraints?: readonly { readonly Constraint?: ConstraintNode }[];
}

/** One command of an ALTER TABLE. */
export interface AlterCommand {
  readonly subtype?: string;
  /** The column, constraint or tablespace that it names. */
  readonly name?: string;
  readonly def?: {
    readonly ColumnDef?: ColumnNode;
    readonly Constraint?: ConstraintNode;
    readonly PartitionCmd?: { readonly name?: RangeVar; readonly concurrent?: boolean };
  };
}

/** The commands of an ALTER TABLE, or of ALTER INDEX and its like; none for other statements. */
export function alterCommands({ kind, fields }: Pick<ParsedStatement, 'kind' | 'fields'>): AlterCommand[] {
  if (kind !== 'AlterTableStmt') return [];
  const cmds = (fields.cmds ?? []) as readonly { readonly AlterTableCmd?: AlterCommand }[];
  return cmds.flatMap(({ AlterTableCmd: command }) => (command === undefined ? [] : [command]));
}

/** The constraints in a column definition. */
export function columnConstraints({ constraints = [] }: ColumnNode): ConstraintNode[] {
  return constraints.flatMap(({ Constraint: constraint }) => constraint ?? []);
}
