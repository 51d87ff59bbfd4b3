import type { Script } from './migration.ts';
import { statementAt, tokensOf } from './parse.ts';
import { blankOut } from './ranges.ts';
import { commitsInParts, nonTransactionalReason } from './transaction-rules.ts';

/**
 * A script that does the same in a transaction, in a schema that no other session can see yet: CONCURRENTLY and VACUUM
 * become blanks, and no position changes. `null` if there is none.
 */
export async function inEmptySchema(script: Script): Promise<Script | null> {
  if (script.nonTransactional === null) return script;
  // Their values shift positions.
  if (script.placeholders.length > 0) return null;
  const blanks: { start: number; end: number }[] = [];
  for (const [k, { start, end }] of script.statements.entries()) {
    const found = await statementAt(script, k);
    if (found === null) return null;
    const reason = nonTransactionalReason(found.statement);
    if (reason === 'VACUUM') blanks.push({ start, end });
    else if (reason === null) {
      if (commitsInParts(found.statement)) return null;
    } else {
      // REINDEX has the word in parentheses as well, which must not become empty.
      if (!reason.endsWith(' CONCURRENTLY') || found.statement.kind === 'ReindexStmt') return null;
      const word = (await tokensOf(found.text)).find(({ text }) => text.toLowerCase() === 'concurrently');
      if (word === undefined) return null;
      blanks.push({ start: start + word.index, end: start + word.end });
    }
  }
  return { ...script, text: blankOut(script.text, blanks), nonTransactional: null };
}
