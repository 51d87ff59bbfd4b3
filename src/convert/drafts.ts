import type { SourceFile } from '../history/import/history-reader.ts';
import { asksForNoTransaction } from '../sql/directives.ts';
import { restrictions } from '../sql/dump.ts';
import { parseStatements } from '../sql/parse.ts';
import { blankOut } from '../sql/ranges.ts';
import { copiedRowsAsInserts } from './copied-rows.ts';
import type { ParsedText } from './created-objects.ts';
import { type Directions, noTransactionMark, splitDirections } from './directions.ts';
import type { NumberedFile } from './layout.ts';
import { mayHoldSql, sqlInCode } from './sql-in-code.ts';

/** One direction of a migration, without the marks of its tool. */
export interface Draft {
  readonly numberedFile: NumberedFile;
  readonly source: SourceFile;
  readonly undoes: boolean;
  readonly text: string;
  /** `null` if it does not parse. */
  readonly parsed: ParsedText | null;
  readonly changes: readonly string[];
  /** Why it is an empty file in place of code; absent for any other. */
  readonly whyEmpty?: string;
}

/** The directions of a migration, each as a file of its own. */
export async function draftsOf(numberedFile: NumberedFile): Promise<Draft[]> {
  const { file, down } = numberedFile;
  const { source } = file;
  const draft = async (
    text: string,
    more: Pick<Draft, 'source' | 'undoes' | 'changes' | 'whyEmpty'>,
  ): Promise<Draft> => ({
    numberedFile,
    text,
    parsed: await parsedText(text),
    ...more,
  });
  const directions = file.language === 'SQL' ? directionsOf(source) : directionsInCode(source);
  if (directions === null) {
    const whyEmpty = mayHoldSql(source.path) ? 'its code does more than run constant SQL' : 'it is not SQL';
    const changes = [`empty: ${whyEmpty}`];
    return [await draft(emptyFile(source.path), { source, undoes: false, changes, whyEmpty })];
  }
  const { changes } = directions;
  const downFile = directionsOf(down);
  const [from, undoing] = down === null ? [source, directions.down] : [down, downFile.down || downFile.up];
  return [
    await draft(directions.up, { source, undoes: false, changes }),
    ...(undoing.trim() === '' || file.kind === 'repeatable'
      ? []
      : [await draft(undoing, { source: from, undoes: true, changes })]),
  ];
}

/** The two directions of a file, with INSERT in place of COPY FROM STDIN. */
function directionsOf(source: SourceFile | null): Directions {
  // The rows come first, because they are not SQL, and the marks of a tool are in SQL comments.
  const { text, count } = copiedRowsAsInserts(source?.text ?? '');
  const isMarked = isAutocommit(source?.path ?? '') && !asksForNoTransaction(text);
  const directions = splitDirections(isMarked ? noTransactionMark + text : text);
  const changes = [
    ...(count === 0 ? [] : ['COPY FROM STDIN rewritten as INSERT']),
    ...(isMarked ? ['no-transaction mark added'] : []),
  ];
  return { ...directions, changes: [...changes, ...directions.changes] };
}

/** The SQL of a migration in code, if it has nothing else. */
function directionsInCode({ path, text }: SourceFile): Directions | null {
  const found = sqlInCode(path, text);
  if (found === null) return null;
  const marked = (direction: 'up' | 'down') => {
    const sql = found[direction] ?? '';
    return found.isOutside[direction] && sql !== '' ? noTransactionMark + sql : sql;
  };
  const changes = [
    'SQL taken from the code',
    ...(found.down === null ? ['no down file, because other code undoes it'] : []),
  ];
  return { up: marked('up'), down: marked('down'), changes };
}

/** Whether pop runs a file outside a transaction. */
function isAutocommit(path: string): boolean {
  return /\.autocommit\.(?:up|down)\.sql$/.test(path);
}

function emptyFile(path: string): string {
  return `-- ${path.replaceAll(/[\r\n]/g, ' ')} is not SQL. This file is empty, so that its version can be recorded as applied.\n-- New schemas need its changes: write them here, in SQL, before any schema has run this file.\n`;
}

/** A text with its statements; `null` if it does not parse. */
export async function parsedText(text: string): Promise<ParsedText | null> {
  const plain = blankOut(text, restrictions(text));
  const parsed = await parseStatements(plain);
  return 'problem' in parsed ? null : { text: plain, statements: parsed.statements };
}
