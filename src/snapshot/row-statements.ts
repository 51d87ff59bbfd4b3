import { withoutComments } from '../sql/comments.ts';
import type { Script } from '../sql/migration.ts';
import { type ParsedStatement, statementAt } from '../sql/parse.ts';

/** A statement of a file on which rows can depend. */
export interface RowStatement extends Pick<ParsedStatement, 'kind' | 'fields'> {
  readonly script: Script;
  /** Where it starts in the text of the script. */
  readonly start: number;
  /** Without comments. */
  readonly text: string;
}

/** The kinds of statements that write or can write rows. */
export const writing: ReadonlySet<string> = new Set([
  ...['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'SelectStmt', 'CreateTableAsStmt'],
  ...['DoStmt', 'CallStmt', 'ExecuteStmt'],
]);

const depended: ReadonlySet<string> = new Set([
  ...writing,
  ...['CreateFunctionStmt', 'CreateTrigStmt', 'PrepareStmt', 'RuleStmt', 'CopyStmt'],
  ...['AlterTableStmt', 'RenameStmt', 'ViewStmt'],
]);

/** The statements that write rows, and those that define what such statements use, in running order. */
export async function rowStatementsOf(scripts: readonly Script[]): Promise<RowStatement[]> {
  const found: RowStatement[] = [];
  for (const script of scripts) {
    for (const [k, { kind, start, end }] of script.statements.entries()) {
      if (!depended.has(kind)) continue;
      const parsed = await statementAt(script, k);
      const { text } = withoutComments(script.text.slice(start, end));
      if (parsed !== null) found.push({ script, start, kind, fields: parsed.statement.fields, text });
    }
  }
  return found;
}

/** The words of a text, in lower case. */
export function wordsOf(text: string): Set<string> {
  return new Set(text.match(/[\p{L}_][\p{L}\p{N}_$]*/gu)?.map((word) => word.toLowerCase()));
}
