import { leadingComment, spansOf } from './comments.ts';
import { hasTransactionMark } from './transaction-marks.ts';

const directive = /--[ \t]*sqlmig:([^\r\n]*)/g;

/** What `-- sqlmig: <word>` may say in a file's leading comment; `replaces` is followed by versions. */
export const knownDirectives: readonly string[] = [
  'no-transaction',
  'own-transaction',
  'allow-public',
  'allow-server',
  'replaces',
];

/** True for a directive that sqlmig knows. */
export function isKnownDirective(word: string): boolean {
  return knownDirectives.includes(word) || /^replaces\s/.test(word);
}

/** The `-- sqlmig:` directives of a file's leading comment, with the UTF-16 index of each. */
export function directivesOf(text: string): { readonly index: number; readonly word: string }[] {
  return [...leadingComment(text).matchAll(directive)].map((match) => ({
    index: match.index,
    word: (match[1] ?? '').trim(),
  }));
}

/** The `--!include` lines of graphile-migrate, which sqlmig does not include, with the UTF-16 index of each. */
export function includesOf(text: string): { readonly index: number; readonly line: string }[] {
  const include = /^--!\s*include\b/;
  if (!/--!\s*include/.test(text)) return [];
  return [...spansOf(text)]
    .filter(({ kind, start, end }) => kind === 'line' && include.test(text.slice(start, end)))
    .map(({ start, end }) => ({ index: start, line: text.slice(start, end).trimEnd() }));
}

/** True if a tenant file's leading comment declares that it changes schemas besides its own. */
export function allowsPublic(text: string): boolean {
  return directivesOf(text).some(({ word }) => word === 'allow-public');
}

/** True if a tenant file's leading comment declares that it changes what the whole server shares. */
export function allowsServer(text: string): boolean {
  return directivesOf(text).some(({ word }) => word === 'allow-server');
}

/** True if a file asks for a transaction that it shares with no other file. */
export function asksForOwnTransaction(text: string): boolean {
  return directivesOf(text).some(({ word }) => word === 'own-transaction');
}

/** True if a file asks to run outside a transaction, in sqlmig's words or another tool's. */
export function asksForNoTransaction(text: string): boolean {
  return directivesOf(text).some(({ word }) => word === 'no-transaction') || hasTransactionMark(text);
}
