import { type AlterCommand, alterCommands, type ConstraintNode } from './alter-table.ts';
import type { QualifiedName } from './migration.ts';
import type { ParsedStatement } from './parse.ts';
import { droppedNames, qualifiedName, type RangeVar } from './reach.ts';

/** What a file has done before a statement, as far as it affects the cost of the statement. */
export interface EarlierStatements {
  /** Adds a statement. */
  add(statement: ParsedStatement): void;
  /** True for a relation or a domain that the file creates: it has no rows that others use. */
  created(name: QualifiedName | undefined): boolean;
  /** True if the file adds a constraint as NOT VALID. */
  addedNotValid(table: QualifiedName, constraint: string): boolean;
  /** True if a validated check may prove that a column has no nulls; one of another file is taken to prove it. */
  provesNotNull(table: QualifiedName, column: string): boolean;
  /** True if a table has a validated check of this file. */
  hasCheck(table: QualifiedName | undefined): boolean;
}

/** Starts with no statements. Names without a schema are those of `ownSchema`; `null` if it has no fixed name. */
export function earlierStatements(ownSchema: string | null): EarlierStatements {
  const keyOf = ({ schema, name }: QualifiedName) =>
    JSON.stringify([schema === ownSchema ? null : schema, name]);
  const constraintKey = (table: QualifiedName, name: string) => `${keyOf(table)} ${name}`;
  const made = new Set<string>();
  const notValid = new Set<string>();
  const checks = new Map<string, ReadonlySet<string>>();
  const validated: { readonly table: string; readonly key: string }[] = [];
  const addConstraint = (table: QualifiedName, constraint: ConstraintNode) => {
    const { contype, conname = '', skip_validation: isNotValid = false, raw_expr: check } = constraint;
    const key = constraintKey(table, conname === '' ? `unnamed ${checks.size}` : conname);
    if (contype === 'CONSTR_CHECK') checks.set(key, new Set(columnsNotNull(check)));
    if (isNotValid) notValid.add(key);
    else if (contype === 'CONSTR_CHECK') validated.push({ table: keyOf(table), key });
  };
  const alter = (table: QualifiedName, { subtype, name = '', def }: AlterCommand) => {
    if (subtype === 'AT_AddConstraint' && def?.Constraint) addConstraint(table, def.Constraint);
    if (subtype === 'AT_ValidateConstraint')
      validated.push({ table: keyOf(table), key: constraintKey(table, name) });
  };
  return {
    add(statement) {
      for (const name of createdBy(statement)) made.add(keyOf(name));
      const [table] = qualifiedName(statement.fields.relation as RangeVar | undefined);
      if (table === undefined) return;
      const { newname } = statement.fields;
      if (statement.kind === 'RenameStmt' && typeof newname === 'string' && made.has(keyOf(table)))
        made.add(keyOf({ ...table, name: newname }));
      for (const command of alterCommands(statement)) alter(table, command);
    },
    created: (name) => name !== undefined && made.has(keyOf(name)),
    addedNotValid: (table, constraint) => notValid.has(constraintKey(table, constraint)),
    provesNotNull: (table, column) =>
      validated.some((check) => check.table === keyOf(table) && (checks.get(check.key)?.has(column) ?? true)),
    hasCheck: (table) =>
      table !== undefined && validated.some((check) => check.table === keyOf(table) && checks.has(check.key)),
  };
}

/** The relations and domains that a statement creates. */
function createdBy({ kind, fields }: ParsedStatement): QualifiedName[] {
  const into = (fields.into ?? fields.intoClause) as { readonly rel?: RangeVar } | undefined;
  switch (kind) {
    case 'CreateStmt':
      return qualifiedName(fields.relation as RangeVar);
    case 'CreateTableAsStmt':
    case 'SelectStmt':
      return qualifiedName(into?.rel);
    case 'IndexStmt': {
      // An index is in the schema of its table.
      const { schemaname } = (fields.relation ?? {}) as RangeVar;
      return typeof fields.idxname === 'string' ? [{ schema: schemaname ?? null, name: fields.idxname }] : [];
    }
    case 'CreateDomainStmt':
      return droppedNames([{ List: { items: fields.domainname } }]);
    default:
      return [];
  }
}

/** The columns that a check requires to be IS NOT NULL. */
function columnsNotNull(check: unknown): string[] {
  const { NullTest: test, BoolExpr: all } = (check ?? {}) as {
    readonly NullTest?: {
      readonly nulltesttype?: string;
      readonly arg?: { readonly ColumnRef?: { readonly fields?: unknown } };
    };
    readonly BoolExpr?: { readonly boolop?: string; readonly args?: readonly unknown[] };
  };
  if (all?.boolop === 'AND_EXPR') return (all.args ?? []).flatMap(columnsNotNull);
  if (test?.nulltesttype !== 'IS_NOT_NULL') return [];
  return droppedNames([{ List: { items: test.arg?.ColumnRef?.fields } }]).map(({ name }) => name);
}
