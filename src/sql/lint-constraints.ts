import { type AlterCommand, type ConstraintNode, columnConstraints } from './alter-table.ts';
import { hasDefault, notNullWarning } from './lint-columns.ts';
import { type LockContext, type LockWarning, relationText } from './lock-warning.ts';
import type { QualifiedName } from './migration.ts';
import type { ParsedStatement } from './parse.ts';
import { droppedNames, qualifiedName } from './reach.ts';

/** What a command of ALTER TABLE that is about a constraint costs on a table that has rows. */
export function constraintWarnings(
  table: QualifiedName,
  { subtype, name = '', def }: AlterCommand,
  context: LockContext,
): LockWarning[] {
  const { earlier, transactional, laterFile } = context;
  if (subtype === 'AT_AddConstraint') return added(table, def?.Constraint ?? {}, context);
  if (subtype === 'AT_AddColumn') {
    const column = def?.ColumnDef ?? {};
    // PostgreSQL does not check the foreign key of a new column that is null in all rows.
    const isChecked = ({ contype }: ConstraintNode) => contype !== 'CONSTR_FOREIGN' || hasDefault(column);
    return columnConstraints(column)
      .filter((constraint) => constraint.contype !== 'CONSTR_NOTNULL' && isChecked(constraint))
      .flatMap((constraint) => added(table, constraint, context));
  }
  if (subtype !== 'AT_ValidateConstraint' || !transactional || !earlier.addedNotValid(table, name)) return [];
  return [
    [
      'validate-with-not-valid',
      `VALIDATE CONSTRAINT ${name} reads all of ${relationText(table)} under the lock that adding it took in the same transaction; move it to ${laterFile}`,
    ],
  ];
}

/** What a constraint of a domain costs, which is checked in every table that uses the domain. */
export function domainWarnings(
  { fields }: ParsedStatement,
  { earlier, laterFile }: LockContext,
): LockWarning[] {
  const [domain] = droppedNames([{ List: { items: fields.typeName } }]);
  const { Constraint: constraint } = (fields.def ?? {}) as { readonly Constraint?: ConstraintNode };
  if (domain === undefined || earlier.created(domain)) return [];
  const reads = `reads all tables that use the domain ${relationText(domain)} while blocking writes to them`;
  if (fields.subtype === 'O')
    return [['set-not-null', `SET NOT NULL ${reads}; use a CHECK constraint that is NOT VALID`]];
  if (fields.subtype !== 'C' || constraint?.skip_validation === true) return [];
  return [['check-constraint', `the new constraint ${reads}; ${thenValidate(laterFile)}`]];
}

function thenValidate(laterFile: string): string {
  return `add it as NOT VALID, and VALIDATE it in ${laterFile}`;
}

function added(
  table: QualifiedName,
  constraint: ConstraintNode,
  { earlier, laterFile }: LockContext,
): LockWarning[] {
  const shown = relationText(table);
  const { contype, indexname, skip_validation: isNotValid = false, keys = [] } = constraint;
  switch (contype) {
    case 'CONSTR_UNIQUE':
    case 'CONSTR_PRIMARY': {
      if (indexname !== undefined) return [];
      const what = contype === 'CONSTR_UNIQUE' ? 'UNIQUE' : 'PRIMARY KEY';
      const message = `${what} builds an index while blocking reads and writes of ${shown}; build it with CREATE UNIQUE INDEX CONCURRENTLY, and add the constraint with USING INDEX`;
      return [['unique-constraint', message]];
    }
    case 'CONSTR_EXCLUSION': {
      const message = `EXCLUDE builds an index while blocking reads and writes of ${shown}, and PostgreSQL has no other way; add it while the table is small or not in use`;
      return [['exclusion-constraint', message]];
    }
    case 'CONSTR_FOREIGN': {
      if (isNotValid) return [];
      const [target] = qualifiedName(constraint.pktable);
      const both = target === undefined ? shown : `${shown} and ${relationText(target)}`;
      const message = `the foreign key reads all of ${shown} while blocking writes to ${both}; ${thenValidate(laterFile)}`;
      return [['foreign-key', message]];
    }
    case 'CONSTR_CHECK': {
      const message = `the check reads all of ${shown} while blocking reads and writes; ${thenValidate(laterFile)}`;
      return isNotValid ? [] : [['check-constraint', message]];
    }
    case 'CONSTR_NOTNULL': {
      const column = keys[0]?.String?.sval ?? '';
      return isNotValid || earlier.provesNotNull(table, column) ? [] : [notNullWarning(table, column)];
    }
    default:
      return [];
  }
}
