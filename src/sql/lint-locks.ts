import { alterCommands } from './alter-table.ts';
import { earlierStatements } from './earlier-statements.ts';
import { withTenantPlaceholder } from './filling.ts';
import { columnWarnings } from './lint-columns.ts';
import { constraintWarnings, domainWarnings } from './lint-constraints.ts';
import { indexWarnings } from './lint-indexes.ts';
import { storageWarnings, tableWarnings } from './lint-tables.ts';
import type { LockContext, LockWarning } from './lock-warning.ts';
import type { Lint, Migration } from './migration.ts';
import type { ParsedStatement } from './parse.ts';
import { qualifiedName, type RangeVar } from './reach.ts';

/**
 * The statements of a file that lock a table for long, rewrite it, or break the release that is running, except on
 * tables that the file itself creates. Decided by the text alone, so blocks and functions are not read. None for files
 * that undo a migration: what they do is the reverse of a file that was checked.
 */
export function lockLintsOf(
  { scope, undoes }: Migration,
  statements: readonly ParsedStatement[],
  { publicSchema, transactional }: { readonly publicSchema: string; readonly transactional: boolean },
): Lint[] {
  if (undoes) return [];
  const earlier = earlierStatements(scope === 'public' ? publicSchema : null);
  const laterFile = scope === 'public' ? 'a later file' : 'a later file with "-- sqlmig: own-transaction"';
  const context = { earlier, transactional, laterFile };
  return statements.flatMap((statement) => {
    earlier.add(statement);
    return warningsOf(statement, context).map(([rule, message]) => ({
      rule,
      index: statement.start,
      message: withTenantPlaceholder(message),
    }));
  });
}

function warningsOf(statement: ParsedStatement, context: LockContext): LockWarning[] {
  if (statement.kind === 'AlterDomainStmt') return domainWarnings(statement, context);
  if (statement.kind === 'AlterTableStmt') return alterWarnings(statement, context);
  return [...indexWarnings(statement, context), ...tableWarnings(statement, context)];
}

function alterWarnings(statement: ParsedStatement, context: LockContext): LockWarning[] {
  const { relation, objtype } = statement.fields;
  const [table] = qualifiedName(relation as RangeVar | undefined);
  if (table === undefined || context.earlier.created(table)) return [];
  const ofTable = objtype === 'OBJECT_TABLE';
  return alterCommands(statement).flatMap((command) => [
    ...(ofTable ? columnWarnings(table, command, context) : []),
    ...(ofTable ? constraintWarnings(table, command, context) : []),
    ...storageWarnings(table, command, context),
  ]);
}
