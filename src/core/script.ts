import type { ErrorCode } from '../errors.ts';
import { SqlmigError } from '../errors.ts';
import type { Migration, Script } from '../model.ts';
import { sharedRowsOf } from './catalogue-rows.ts';
import {
  allowsPublic,
  allowsServer,
  asksForNoTransaction,
  directivesOf,
  includesOf,
  knownDirectives,
} from './directives.ts';
import { earlyEnumUses } from './enum-values.ts';
import { extensionStatements } from './extension-statements.ts';
import { isWayBack } from './file-name.ts';
import { lintsOf } from './lint.ts';
import { type ParsedStatement, parseStatements, quotedIdentifiers } from './parse.ts';
import { locate } from './position.ts';
import { reachOf } from './reach.ts';
import { foreignSections, isPlayComment, type Section } from './sections.ts';
import { serverWideReason } from './server-wide.ts';
import {
  copiesWithClient,
  discardsAll,
  nonTransactionalReason,
  transactionControl,
} from './transaction-rules.ts';

type Mistake = readonly [index: number, code: ErrorCode, message: string, hint: string];

const placeholder = /\{\{[^}]*\}\}|\$\{[^}]*\}/;

/**
 * Parses a migration and checks what may not be in one (spec.md 2). Gives the script, or every mistake with its
 * place. `publicSchema` is what lints look for. A file that is nothing but `BEGIN; ... COMMIT;` around its statements loses the two, and nothing moves.
 */
export async function toScript(
  migration: Migration,
  publicSchema: string,
): Promise<Script | readonly SqlmigError[]> {
  const sections = foreignSections(migration.text, isWayBack(migration.file) ? 'down' : 'up');
  // What is left must be right as well once the other way has moved out.
  const text = blankOut(migration.text, sections);
  const parsed = await parseStatements(text);
  const mistakes = [
    ...sections.slice(0, 1).map((section) => sectionMistake(section, migration)),
    ...('problem' in parsed
      ? [syntaxMistake(text, parsed.problem.index, parsed.problem.message)]
      : [
          ...parsed.statements.slice(...inside(parsed.statements)).flatMap(statementMistakes),
          ...(await placeholderMistakes(text)),
          ...directiveMistakes(text),
          ...enumMistakes(parsed.statements, text),
          ...(migration.scope === 'tenant' ? serverWideMistakes(parsed.statements, text) : []),
        ]),
  ];
  if ('problem' in parsed || mistakes.length > 0) {
    return mistakes.map(
      ([index, code, message, hint]) =>
        new SqlmigError(code, message, { location: locate(migration.file, migration.text, index), hint }),
    );
  }
  const statements = parsed.statements.slice(...inside(parsed.statements));
  const reasons = statements.map(nonTransactionalReason).filter((reason) => reason !== null);
  return {
    migration,
    text: blankOut(
      text,
      parsed.statements
        .filter((s) => transactionControl(s) !== null)
        .map(({ start, end }) => ({ start, end: text[end] === ';' ? end + 1 : end })),
    ),
    statements: statements.map((s) => ({ start: s.start, end: s.end, kind: s.kind, reach: reachOf(s) })),
    allowsPublic: allowsPublic(text),
    lints: lintsOf(migration, statements, publicSchema),
    extensions: extensionStatements(statements),
    sharedRows: sharedRowsOf(statements, allowsPublic(text)),
    nonTransactional: asksForNoTransaction(text) ? 'the file asks for it' : (reasons[0] ?? null),
  };
}

/** The range of statements without an enclosing BEGIN and COMMIT. */
function inside(statements: readonly ParsedStatement[]): [number, number] {
  const [first, last] = [statements.at(0), statements.at(-1)];
  const wrapped =
    statements.length > 1 &&
    first !== undefined &&
    last !== undefined &&
    transactionControl(first) === 'begin' &&
    transactionControl(last) === 'commit';
  return wrapped ? [1, statements.length - 1] : [0, statements.length];
}

/** The text with blanks for all but the line ends of some ranges. */
export function blankOut(
  text: string,
  ranges: readonly { readonly start: number; readonly end: number }[],
): string {
  let result = text;
  for (const { start, end } of ranges) {
    result = result.slice(0, start) + text.slice(start, end).replace(/[^\r\n]/g, ' ') + result.slice(end);
  }
  return result;
}

function statementMistakes(statement: ParsedStatement): Mistake[] {
  const at = statement.start;
  if (transactionControl(statement) !== null) {
    const hint =
      'sqlmig runs each file in a transaction of its own; remove it, or wrap the whole file in one plain BEGIN and COMMIT';
    return [[at, 'transaction-control', 'a migration must not begin, end or split its transaction', hint]];
  }
  if (discardsAll(statement)) {
    const hint =
      'remove it: each file starts with a clean session; RESET ALL and DISCARD TEMP, PLANS or SEQUENCES are allowed';
    return [[at, 'discard-all', 'DISCARD ALL releases the locks that sqlmig holds while a file runs', hint]];
  }
  const copy = copiesWithClient(statement);
  if (copy === 'stdin') return [copyMistake(at)];
  if (copy === 'stdout') {
    return [[at, 'copy-stdin', 'COPY TO STDOUT has nobody to write to', 'remove it from the migration']];
  }
  return statement.kind === 'IndexStmt' && statement.fields.concurrent && statement.fields.if_not_exists
    ? [
        [
          at,
          'concurrently-if-not-exists',
          'CONCURRENTLY with IF NOT EXISTS takes an invalid index for a good one',
          'leave IF NOT EXISTS out; sqlmig repairs what an interrupted build left behind',
        ],
      ]
    : [];
}

function copyMistake(index: number): Mistake {
  const hint = 'write the rows as INSERT ... VALUES (pg_dump --inserts does it)';
  return [index, 'copy-stdin', 'COPY FROM STDIN needs a client that sends the rows', hint];
}

function syntaxMistake(text: string, index: number, message: string): Mistake {
  const rest = text.slice(index);
  if (placeholder.exec(rest)?.index === 0) return placeholderMistake(index, rest);
  const copy = /\bcopy\s[^;]*\bfrom\s+stdin\b[^;]*;\s*$/i.exec(text.slice(0, index));
  if (copy !== null) return copyMistake(copy.index);
  if (rest.startsWith('\\')) {
    const hint = 'backslash commands are for psql; write SQL, or let pg_dump make plain SQL with --inserts';
    return [index, 'psql-command', 'this is a command of psql, not SQL', hint];
  }
  if (isPlayComment(text, index)) {
    const why = 'a line that starts with # is a comment of Play evolutions, not of SQL';
    return [index, 'sql-syntax', why, 'start it with -- instead'];
  }
  if (/^:['"\w]/.test(rest)) {
    return [index, 'psql-command', 'this is a variable of psql, not SQL', 'write the value itself'];
  }
  return [index, 'sql-syntax', message, 'the parser of PostgreSQL refuses this text; nothing was run'];
}

async function placeholderMistakes(text: string): Promise<Mistake[]> {
  if (!placeholder.test(text)) return [];
  const names = await quotedIdentifiers(text);
  return names
    .filter((name) => placeholder.test(name.text))
    .map((name) => placeholderMistake(name.index, name.text));
}

function placeholderMistake(index: number, from: string): Mistake {
  const found = placeholder.exec(from)?.[0] ?? '';
  const hint =
    'sqlmig runs files as they are; names need no schema, search_path is the tenant and then public';
  return [index, 'unrendered-placeholder', `${found} is a placeholder that nobody filled in`, hint];
}

function enumMistakes(statements: readonly ParsedStatement[], text: string): Mistake[] {
  // Statement by statement each value is committed before the next one uses it.
  if (asksForNoTransaction(text) || statements.some((s) => nonTransactionalReason(s) !== null)) return [];
  return earlyEnumUses(statements, text).map(({ index, value }): Mistake => {
    const hint = 'move the use into the next file; a new value must be committed before it can be used';
    return [index, 'enum-value-in-use', `the file uses '${value}', which it adds to an enum itself`, hint];
  });
}

function serverWideMistakes(statements: readonly ParsedStatement[], text: string): Mistake[] {
  if (allowsServer(text)) return [];
  return statements.flatMap((statement): Mistake[] => {
    const what = serverWideReason(statement);
    if (what === null) return [];
    const message = `${what} in a tenant file would run once per tenant, for the whole server`;
    const hint = "move it into a public file, or say -- sqlmig: allow-server in the file's first lines";
    return [[statement.start, 'server-wide', message, hint]];
  });
}

function sectionMistake({ tool, mark, start }: Section, { version, name, file }: Migration): Mistake {
  const wayBack = isWayBack(file);
  const message = `"${mark}" begins the ${wayBack ? 'up' : 'down'} section of ${tool}, and all of a file runs`;
  const target = version === null ? null : `${version}_${name}.down.sql`;
  const hint = wayBack
    ? 'leave only the statements that undo the migration in this file'
    : target === null
      ? 'remove it: a repeatable has no way back'
      : `move that section into ${target}`;
  return [start, 'down-section', message, hint];
}

function directiveMistakes(text: string): Mistake[] {
  const unknown = directivesOf(text)
    .filter(({ word }) => !knownDirectives.includes(word))
    .map(({ index, word }): Mistake => {
      const hint = `known are: ${knownDirectives.join(', ')}`;
      return [index, 'unknown-directive', `unknown directive "${word}"`, hint];
    });
  const includes = includesOf(text).map(({ index, line }): Mistake => {
    const message = `"${line}" is for graphile-migrate; here it is a comment, and nothing is included`;
    return [index, 'unknown-directive', message, 'put the text of that file in its place'];
  });
  return [...unknown, ...includes];
}
