import { closest } from '../text/closest.ts';
import { shortened } from '../text/shortened.ts';
import { leadingComment, spansOf } from './comments.ts';
import { type LintRule, lintRules } from './lint-rules.ts';
import { hasTransactionMark } from './transaction-marks.ts';

const directive = /--[ \t]*sqlmig:([^\r\n]*)/g;

// `replaces` is followed by versions, `allow` by rules of lints.
const knownDirectives = [
  'no-transaction',
  'own-transaction',
  'allow-public',
  'allow-server',
  'replaces',
  'allow',
];

/** What is wrong with the text of a directive, and what to do; `null` if sqlmig knows it. */
export function directiveProblem(word: string): { readonly message: string; readonly hint: string } | null {
  const rules = rulesIn(word);
  if (rules === null) {
    const isKnown = /^replaces\s/.test(word) || (word !== 'allow' && knownDirectives.includes(word));
    if (isKnown) return null;
    return {
      message: `unknown directive "${shortened(word)}"`,
      hint: `known are: ${knownDirectives.join(', ')}`,
    };
  }
  const unknown = rules.find((rule) => !(lintRules as readonly string[]).includes(rule));
  if (unknown === undefined) return null;
  const meant = closest(unknown, lintRules);
  return {
    message: `unknown rule "${shortened(unknown)}" in -- sqlmig: allow`,
    hint: meant === null ? `rules are: ${lintRules.join(', ')}` : `did you mean ${meant}?`,
  };
}

/** The rules of lints that a file's leading comment turns off (`-- sqlmig: allow RULE`). */
export function allowedRules(text: string): ReadonlySet<LintRule> {
  const words = new Set(directivesOf(text).flatMap(({ word }) => rulesIn(word) ?? []));
  return new Set(lintRules.filter((rule) => words.has(rule)));
}

/** The words after `allow`, separated by blanks or commas; `null` for other directives. */
function rulesIn(word: string): string[] | null {
  const [, list] = /^allow\s+(.+)$/.exec(word) ?? [];
  return list === undefined ? null : list.split(/[\s,]+/).filter((rule) => rule !== '');
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
