import { restrictions } from './dump.ts';
import type { Migration } from './migration.ts';
import type { ParsedStatement } from './parse.ts';
import { blankOut, type Range, withSemicolon } from './ranges.ts';
import { parseWithStandIns, withStandIns } from './stand-ins.ts';
import { controlOf } from './transaction-blocks.ts';
import { commitsInParts, concurrentlyIn, nonTransactionalReason } from './transaction-rules.ts';

/** Why a rollback might not undo a file: what its text does, and where. */
export interface NotUndone {
  /** UTF-16 index into the file. */
  readonly index: number;
  readonly what: string;
}

/**
 * A file's text as one transaction can run it and roll it back: `CONCURRENTLY` is blanked out, as are statements that
 * only maintain tables or change privileges. Returns the reason instead if a statement could end the transaction.
 */
export async function asUndone(migration: Migration): Promise<{ readonly text: string } | NotUndone> {
  const { text } = migration;
  const readable = withStandIns(blankOut(text, restrictions(text)), migration);
  const own = readable.text;
  const parsed = await parseWithStandIns(readable);
  if ('problem' in parsed) return { index: parsed.problem.index, what: parsed.problem.message };
  const blanked: Range[] = [];
  for (const statement of parsed.statements) {
    const what = endsTransaction(statement);
    if (what !== null) return { index: statement.start, what };
    if (isWithoutStructure(statement)) blanked.push(withSemicolon(own, statement));
    else if (nonTransactionalReason(statement) !== null) {
      const word = await concurrentlyIn(own, statement);
      if (word !== null) blanked.push(word);
    }
  }
  return { text: blankOut(text, blanked) };
}

/** How a statement could end its transaction, in words; `null` if it cannot. */
function endsTransaction(statement: ParsedStatement): string | null {
  const control = controlOf(statement);
  if (control !== null) return control === 'savepoint' ? null : 'transaction control';
  if (statement.kind === 'CallStmt') return 'CALL of a procedure, which may commit';
  return statement.kind === 'DoStmt' && commitsInParts(statement) ? 'a DO block that may commit' : null;
}

const withoutStructure: ReadonlySet<string> = new Set([
  ...['VacuumStmt', 'ClusterStmt', 'ReindexStmt', 'GrantStmt', 'AlterDefaultPrivilegesStmt'],
]);

function isWithoutStructure(statement: ParsedStatement): boolean {
  return withoutStructure.has(statement.kind);
}
