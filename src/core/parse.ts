import type { Node, RawStmt } from 'libpg-query';
import { byteIndexes, indexOfCodePoint } from './position.ts';

/** A statement as the parser of PostgreSQL sees it; `start` and `end` are UTF-16 indexes. */
export interface ParsedStatement {
  readonly start: number;
  readonly end: number;
  readonly kind: string;
  /** The node's fields, as in PostgreSQL's parsenodes.h. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Where and why a text does not parse. */
export interface SyntaxProblem {
  readonly index: number;
  readonly message: string;
}

// The parser needs up to 90 bytes of memory a byte of text and never gives it back, so long texts go in pieces.
const pieceLength = 512 * 1024;

/**
 * Splits a text into statements with the parser of PostgreSQL itself (libpg-query, loaded on first use).
 * A text of comments only has none. Gives the first syntax error instead where there is one.
 */
export async function parseStatements(
  text: string,
): Promise<{ readonly statements: ParsedStatement[] } | { readonly problem: SyntaxProblem }> {
  const parser = await loadParser();
  const statements: ParsedStatement[] = [];
  for (let from = 0; from < text.length; ) {
    const piece = parsePiece(parser, text, from);
    if ('problem' in piece) return piece;
    statements.push(...piece.statements);
    from = piece.end;
  }
  return { statements };
}

/** The quoted identifiers of a text with their UTF-16 indexes; the text must parse. */
export async function quotedIdentifiers(text: string): Promise<{ index: number; text: string }[]> {
  const { scanSync } = await loadParser();
  const indexOf = byteIndexes(text);
  return scanSync(text)
    .tokens.map((token) => {
      const index = indexOf(token.start);
      return { index, text: text.slice(index, indexOf(token.end)) };
    })
    .filter((token) => token.text.startsWith('"'));
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
): { readonly statements: ParsedStatement[]; readonly end: number } | { readonly problem: SyntaxProblem } {
  for (let length = pieceLength; ; length *= 2) {
    const end = cutAfterStatement(text, from + length);
    const piece = text.slice(from, end);
    const parsed = tryParse(parser, piece);
    if (!('problem' in parsed)) {
      const indexOf = byteIndexes(piece);
      return { statements: parsed.statements.map((raw) => toStatement(raw, from, indexOf, piece)), end };
    }
    // A piece that ends in neutral ground parses like the whole text does; one that a cut made incomplete
    // fails at its very end or in a quote that is still open.
    const { index, message } = parsed.problem;
    const cutTooEarly =
      end < text.length && (index >= piece.trimEnd().length - 1 || /unterminated/.test(message));
    if (!cutTooEarly) return { problem: { index: from + index, message } };
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

function toStatement(
  raw: RawStmt,
  from: number,
  indexOf: (byte: number) => number,
  piece: string,
): ParsedStatement {
  const startByte = raw.stmt_location ?? 0;
  const start = indexOf(startByte);
  const end = raw.stmt_len === undefined ? piece.trimEnd().length : indexOf(startByte + raw.stmt_len);
  const [kind, fields] = onlyEntry(raw.stmt);
  return { start: from + start, end: from + end, kind, fields };
}

function onlyEntry(node: Node | undefined): [string, Record<string, unknown>] {
  const [entry] = Object.entries(node ?? {});
  return entry === undefined ? ['', {}] : [entry[0], entry[1] as Record<string, unknown>];
}
