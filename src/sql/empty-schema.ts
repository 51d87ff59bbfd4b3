import type { Script } from './migration.ts';
import { statementAt } from './parse.ts';
import { blankOut, type Range } from './ranges.ts';
import { commitsInParts, concurrentlyIn, nonTransactionalReason } from './transaction-rules.ts';

/**
 * A script with the same effect in one transaction, for a schema that no other session can see yet: CONCURRENTLY and
 * VACUUM become blanks, and no position changes. `null` if that is impossible.
 */
export async function inEmptySchema(script: Script): Promise<Script | null> {
  if (script.nonTransactional === null) return script;
  // Their values shift positions.
  if (script.placeholders.length > 0) return null;
  const blanks: Range[] = [];
  for (const [k, at] of script.statements.entries()) {
    const found = await statementAt(script, k);
    if (found === null) return null;
    const reason = nonTransactionalReason(found.statement);
    if (reason === 'VACUUM') blanks.push(at);
    else if (reason === null) {
      if (commitsInParts(found.statement)) return null;
    } else {
      // REINDEX has the word in parentheses as well, which must not become empty.
      if (!reason.endsWith(' CONCURRENTLY') || found.statement.kind === 'ReindexStmt') return null;
      const word = await concurrentlyIn(script.text, at);
      if (word === null) return null;
      blanks.push(word);
    }
  }
  return { ...script, text: blankOut(script.text, blanks), nonTransactional: null };
}
