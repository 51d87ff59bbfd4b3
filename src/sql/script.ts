import { SqlmigError } from '../errors.ts';
import { fewOfEach } from '../text/few.ts';
import { shortened } from '../text/shortened.ts';
import { sharedRowsOf } from './catalog-rows.ts';
import { withoutComments } from './comments.ts';
import {
  allowedRules,
  allowsPublic,
  allowsServer,
  asksForNoTransaction,
  asksForOwnTransaction,
  directiveProblem,
  directivesOf,
  includesOf,
} from './directives.ts';
import { dumpHead, restrictions } from './dump.ts';
import { earlyEnumUses } from './enum-values.ts';
import { extensionStatements } from './extension-statements.ts';
import { withTenantPlaceholder } from './filling.ts';
import { lintsOf, mainLints } from './lint.ts';
import { lockLintsOf } from './lint-locks.ts';
import type { Lint, Migration, Script } from './migration.ts';
import type { Mistake } from './mistake.ts';
import type { NewerWord } from './older-grammar.ts';
import { type ParsedStatement, quotedIdentifiers } from './parse.ts';
import { locator } from './position.ts';
import { blankOut, withSemicolon } from './ranges.ts';
import { reachOf } from './reach.ts';
import { foreignSections, isPlayComment, type Section } from './sections.ts';
import { serverWideReason } from './server-wide.ts';
import { misreadStandIns, parseWithStandIns, withStandIns } from './stand-ins.ts';
import { transactionBlocks } from './transaction-blocks.ts';
import { likeTransactionMarks } from './transaction-marks.ts';
import { copiesWithClient, discardsAll, nonTransactionalReason } from './transaction-rules.ts';

const placeholder = /\{\{[^{}]*\}\}|\$\{[^{}]*\}/;
const mostOfOneCode = 100;

/**
 * Parses a migration and checks it for what a migration may not contain. Returns the script, or every mistake with its
 * place. Lints check names that `publicSchema` qualifies and `isTenants` knows. Pairs of BEGIN and COMMIT and the
 * head of a dump are taken out of the text, and nothing moves.
 */
export async function toScript(
  migration: Migration,
  publicSchema: string,
  isTenants: (name: string) => boolean = () => false,
): Promise<Script | readonly SqlmigError[]> {
  const sections = foreignSections(migration.text, migration.undoes ? 'down' : 'up');
  // The rest must be valid on its own once the other section has been moved out.
  const own = blankOut(migration.text, sections);
  const readable = withStandIns(blankOut(own, restrictions(own)), migration);
  const { text } = readable;
  const sectionMistakes = sections.slice(0, 1).map((section) => sectionMistake(section, migration));
  const parsed = await parseWithStandIns(readable);
  if ('problem' in parsed) {
    const { index, message } = parsed.problem;
    const problem = readable.mistakes.length > 0 ? [] : [syntaxMistake(text, index, message)];
    return errorsOf([...sectionMistakes, ...readable.mistakes, ...problem], migration);
  }
  const reason = asksForNoTransaction(text)
    ? 'the file asks for it'
    : (parsed.statements.map(nonTransactionalReason).find((why) => why !== null) ?? null);
  const { pairs, mistakes: controlMistakes } = transactionBlocks(parsed.statements, reason);
  const dump = dumpHead(parsed.statements, text, migration.scope);
  const without = new Set([...pairs, ...dump.leftOut]);
  const statements = parsed.statements.filter((statement) => !without.has(statement));
  const mistakes = [
    ...sectionMistakes,
    ...readable.mistakes,
    ...controlMistakes,
    ...statements.flatMap(statementMistakes),
    ...(await misreadStandIns(readable)),
    ...(await placeholderMistakes(text)),
    ...directiveMistakes(text),
    // Statement by statement each value is committed before the next one uses it.
    ...(reason === null ? [...enumMistakes(statements, text), ...markMistakes(text)] : []),
    ...(migration.scope === 'tenant' ? serverWideMistakes(statements, text) : []),
  ];
  if (mistakes.length > 0) return errorsOf(mistakes, migration);
  return {
    migration,
    text: blankOut(
      text,
      parsed.statements
        .filter((statement) => without.has(statement))
        .map((statement) => withSemicolon(text, statement)),
    ),
    statements: statements.map((s) => ({ start: s.start, end: s.end, kind: s.kind, reach: reachOf(s) })),
    placeholders: readable.placeholders,
    unset: readable.unset,
    allowsPublic: allowsPublic(text),
    ownTransaction: asksForOwnTransaction(text),
    lints: lintsIn(text, [
      ...readable.lints,
      ...parsed.newerWords.map(newerWordLint),
      ...dump.lints,
      ...lintsOf(migration, statements, { publicSchema, isTenants }),
    ]),
    lockLints: lintsIn(
      text,
      lockLintsOf(migration, statements, { publicSchema, transactional: reason === null }),
    ),
    extensions: extensionStatements(statements),
    sharedRows: sharedRowsOf(statements, allowsPublic(text)),
    nonTransactional: reason,
  };
}

/** The errors for placeholders of a script that have no value. */
export function unsetErrors({ migration, unset }: Script): SqlmigError[] {
  const mistakes = unset.map(({ name, index }): Mistake => {
    const hint = `set vars.${name} in the config, or the variable SQLMIG_VAR_${name.toUpperCase()}`;
    return [index, 'placeholder-unset', `{{${name}}} has no value`, hint];
  });
  return errorsOf(mistakes, migration);
}

function errorsOf(mistakes: readonly Mistake[], { file, text }: Migration): SqlmigError[] {
  const place = locator(file, text);
  const few = fewOfEach(mistakes, {
    kindOf: ([, code]) => code,
    most: mostOfOneCode,
    withMore: ([index, code, message, hint], more): Mistake => [
      index,
      code,
      `${message} (and ${more} more in this file)`,
      hint,
    ],
  });
  return few.map(([index, code, message, hint]) => {
    return new SqlmigError(code, withTenantPlaceholder(message), { location: place(index), hint });
  });
}

/** The main ones of the lints that a file does not turn off. */
function lintsIn(text: string, lints: readonly Lint[]): Lint[] {
  const allowed = allowedRules(text);
  return mainLints(lints.filter(({ rule }) => !allowed.has(rule)));
}

function newerWordLint({ index, word, since }: NewerWord): Lint {
  const message = `${word} is a keyword since PostgreSQL ${since}, which rejects it here; write "${word}"`;
  return { rule: 'newer-grammar', index, message };
}

function statementMistakes(statement: ParsedStatement): Mistake[] {
  const at = statement.start;
  if (discardsAll(statement)) {
    const hint =
      'remove it: each file starts with a clean session; RESET ALL and DISCARD TEMP, PLANS or SEQUENCES are allowed';
    return [[at, 'discard-all', 'DISCARD ALL releases the locks that sqlmig holds while a file runs', hint]];
  }
  const copy = copiesWithClient(statement);
  if (copy === 'stdin') return [copyMistake(at)];
  if (copy === 'stdout') {
    return [
      [
        at,
        'copy-stdin',
        'COPY TO STDOUT needs a client that receives the rows',
        'remove it from the migration',
      ],
    ];
  }
  return [];
}

function copyMistake(index: number): Mistake {
  const hint = 'write the rows as INSERT ... VALUES (pg_dump --inserts does it)';
  return [index, 'copy-stdin', 'COPY FROM STDIN needs a client that sends the rows', hint];
}

function syntaxMistake(text: string, index: number, message: string): Mistake {
  const rest = text.slice(index);
  if (placeholder.exec(rest)?.index === 0) return placeholderMistake(index, rest);
  const copy = copyBefore(text, index);
  if (copy !== null) return copyMistake(copy);
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

/** Where the statement that ends just before an index copies from STDIN; what follows it are rows. */
function copyBefore(text: string, index: number): number | null {
  const end = text.slice(0, index).trimEnd().length - 1;
  if (text[end] !== ';') return null;
  const from = text.lastIndexOf(';', end - 1) + 1;
  const statement = text.slice(from, end);
  const copy = /\bcopy\s/i.exec(statement);
  return copy === null || !/\bfrom\s+stdin\b/i.test(statement) ? null : from + copy.index;
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
    '{{name}} is filled in if the config has "vars"; names need no schema, search_path is the tenant and then public';
  return [
    index,
    'unrendered-placeholder',
    `${shortened(found)} is a placeholder that was not filled in`,
    hint,
  ];
}

function enumMistakes(statements: readonly ParsedStatement[], text: string): Mistake[] {
  return earlyEnumUses(statements, withoutComments(text).text).map(({ index, value }): Mistake => {
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
    const hint = "move it into a public file, or put -- sqlmig: allow-server in the file's first lines";
    return [[statement.start, 'server-wide', message, hint]];
  });
}

function sectionMistake({ tool, mark, start }: Section, { version, name, undoes }: Migration): Mistake {
  const message = `"${mark}" begins the ${undoes ? 'up' : 'down'} section of ${tool}, but sqlmig runs the whole file`;
  const target = version === null ? null : `${version}_${name}.down.sql`;
  const removal =
    target === null ? 'remove it: a repeatable has no down file' : `move that section into ${target}`;
  const hint = undoes ? 'leave only the statements that undo the migration in this file' : removal;
  return [start, 'down-section', message, hint];
}

function directiveMistakes(text: string): Mistake[] {
  const unknown = directivesOf(text).flatMap(({ index, word }): Mistake[] => {
    const problem = directiveProblem(word);
    return problem === null ? [] : [[index, 'unknown-directive', problem.message, problem.hint]];
  });
  const includes = includesOf(text).map(({ index, line }): Mistake => {
    const message = `"${shortened(line)}" is for graphile-migrate; here it is a comment, and nothing is included`;
    return [index, 'unknown-directive', message, 'replace the line with the text of that file'];
  });
  return [...unknown, ...includes];
}

function markMistakes(text: string): Mistake[] {
  return likeTransactionMarks(text).map(({ index, mark }): Mistake => {
    const message = `"${mark}" resembles another tool's mark for no transaction, but sqlmig does not support it`;
    const hint = 'write -- sqlmig: no-transaction to run the file outside a transaction, or remove the line';
    return [index, 'unknown-directive', message, hint];
  });
}
