import type { Node, RawStmt } from 'libpg-query';
import { bareRangesOf, withoutComments } from './comments.ts';
import { sentText } from './filling.ts';
import type { Script } from './migration.ts';
import { type NewerWord, olderReadings } from './older-grammar.ts';
import { byteIndexes, indexOfCodePoint } from './position.ts';

/** A statement as the parser of PostgreSQL sees it; `start` and `end` are UTF-16 indexes. */
export interface ParsedStatement {
  readonly start: number;
  readonly end: number;
  /** Where it starts in bytes, as the node's locations count. */
  readonly byte: number;
  readonly kind: string;
  /** The node's fields, as in PostgreSQL's parsenodes.h. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Where and why a text does not parse. */
interface SyntaxProblem {
  readonly index: number;
  readonly message: string;
}

// The parser uses up to 90 bytes of memory per byte of text and never frees it, so long texts are parsed in pieces.
const pieceLength = 512 * 1024;

/** The statements of a text. */
interface Parsed {
  readonly statements: readonly ParsedStatement[];
  /** Words that only servers older than the parser accept here. */
  readonly newerWords: readonly NewerWord[];
}

/**
 * Splits a text into statements with the parser of PostgreSQL itself (libpg-query, loaded on first use).
 * A text of only comments has none. Returns the first syntax error instead, unless servers older than the parser accept
 * the text.
 */
export async function parseStatements(
  commented: string,
): Promise<Parsed | { readonly problem: SyntaxProblem }> {
  const parser = await loadParser();
  // PostgreSQL's lexer goes over nested comments, and over runs of operators, again and again.
  const { text, unclosed } = withoutComments(commented);
  if (unclosed !== null) return { problem: { index: unclosed, message: 'unterminated /* comment' } };
  const operator = longOperator(text);
  if (operator !== null) return { problem: { index: operator, message: 'operator too long' } };
  const statements: ParsedStatement[] = [];
  const newerWords: NewerWord[] = [];
  for (let from = 0; from < text.length; ) {
    const piece = parsePiece(parser, text, from);
    if ('problem' in piece) return piece;
    for (const statement of piece.statements) statements.push(statement);
    newerWords.push(...piece.newerWords);
    from = piece.end;
  }
  return { statements, newerWords };
}

/** A token of a text; `index` and `end` are UTF-16 indexes. */
export interface Token {
  readonly index: number;
  readonly end: number;
  readonly text: string;
}

/** The tokens of a text without its comments; the text must parse. */
export async function tokensOf(commented: string): Promise<Token[]> {
  return scannedTokens(withoutComments(commented).text);
}

/** The tokens of a text, including comments, as PostgreSQL's own scanner finds them. The text must parse. */
export async function scannedTokens(text: string): Promise<Token[]> {
  const { scanSync } = await loadParser();
  // The scanner takes no empty text.
  if (text.trim() === '') return [];
  const indexOf = byteIndexes(text);
  return scanSync(text.replace(/\p{Cc}/gu, plainBlank)).tokens.map((token) => {
    const index = indexOf(token.start);
    const end = indexOf(token.end);
    return { index, end, text: text.slice(index, end) };
  });
}

// The scanner writes other control characters into its JSON unescaped.
function plainBlank(char: string): string {
  return char < ' ' && !/[\t\r\n]/.test(char) ? ' ' : char;
}

/** The quoted identifiers of a text with their UTF-16 indexes; the text must parse. */
export async function quotedIdentifiers(text: string): Promise<Token[]> {
  return (await tokensOf(text)).filter((token) => token.text.startsWith('"'));
}

/** Statement `k` (from 0) of a script as sent, parsed by itself; `null` if there is none. */
export async function statementAt(
  script: Script,
  k: number,
): Promise<{ readonly text: string; readonly statement: ParsedStatement } | null> {
  const at = script.statements[k];
  if (at === undefined) return null;
  const own = sentText(script, at);
  const parsed = await parseStatements(own);
  const [statement] = 'statements' in parsed ? parsed.statements : [];
  return statement === undefined ? null : { text: own, statement };
}

// An operator has 63 characters at most; only signs may follow each other without an end.
const mostOperatorCharacters = 100;

function longOperator(text: string): number | null {
  for (const { start, end } of bareRangesOf(text)) {
    for (const { 0: run, index } of text.slice(start, end).matchAll(/[~!@#^&|`?+\-*/%<>=]+/g)) {
      if (run.length > mostOperatorCharacters) return start + index;
    }
  }
  return null;
}

type Parser = typeof import('libpg-query');
let loading: Promise<Parser> | undefined;

function loadParser(): Promise<Parser> {
  loading ??= import('libpg-query').then(async (parser) => {
    await parser.loadModule();
    return parser;
  });
  return loading;
}

function parsePiece(
  parser: Parser,
  text: string,
  from: number,
): (Parsed & { readonly end: number }) | { readonly problem: SyntaxProblem } {
  for (let length = pieceLength; ; length *= 2) {
    const end = cutAfterStatement(text, from + length);
    const piece = text.slice(from, end);
    const parsed = tryParse(parser, piece);
    if (!('problem' in parsed)) {
      return { statements: toStatements(parsed.statements, from, piece), newerWords: [], end };
    }
    // A piece that ends in neutral ground parses like the whole text does; one that a cut made incomplete
    // fails at its very end or in a quote that is still open.
    const { index, message } = parsed.problem;
    const cutTooEarly =
      end < text.length && (index >= piece.trimEnd().length - 1 || /unterminated/.test(message));
    if (cutTooEarly) continue;
    let furthest = parsed.problem;
    for (const { text: older, words, restore, restoreMessage } of olderReadings(piece)) {
      const again = tryParse(parser, older);
      if ('problem' in again) {
        const { index: reached, message: reason } = again.problem;
        if (reached > furthest.index) furthest = { index: reached, message: restoreMessage(reason) };
        continue;
      }
      restore(again.statements);
      const culprit = words.findLast((word) => word.index <= index) ?? words[0];
      const newerWords = culprit === undefined ? [] : [{ ...culprit, index: from + culprit.index }];
      return { statements: toStatements(again.statements, from, older), newerWords, end };
    }
    return { problem: { index: from + furthest.index, message: furthest.message } };
  }
}

function cutAfterStatement(text: string, wanted: number): number {
  if (wanted >= text.length) return text.length;
  const cut = text.indexOf(';\n', wanted);
  return cut === -1 ? text.length : cut + 2;
}

function tryParse(
  parser: Parser,
  piece: string,
): { readonly statements: RawStmt[] } | { readonly problem: SyntaxProblem } {
  if (piece.trim() === '') return { statements: [] };
  try {
    return { statements: parser.parseSync(piece).stmts ?? [] };
  } catch (error) {
    if (!parser.hasSqlDetails(error)) throw error;
    const at = error.sqlDetails?.cursorPosition ?? 0;
    return { problem: { index: indexOfCodePoint(piece, Math.max(at, 0)), message: error.message } };
  }
}

function toStatements(raws: readonly RawStmt[], from: number, piece: string): ParsedStatement[] {
  const indexOf = byteIndexes(piece);
  return raws.map((raw) => {
    const byte = raw.stmt_location ?? 0;
    const start = indexOf(byte);
    const end = raw.stmt_len === undefined ? piece.trimEnd().length : indexOf(byte + raw.stmt_len);
    const [kind, fields] = onlyEntry(raw.stmt);
    return { start: from + start, end: from + end, byte, kind, fields };
  });
}

function onlyEntry(node: Node | undefined): [string, Record<string, unknown>] {
  const [entry] = Object.entries(node ?? {});
  return entry === undefined ? ['', {}] : [entry[0], entry[1] as Record<string, unknown>];
}
