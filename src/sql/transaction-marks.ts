import { leadingComment, spansOf } from './comments.ts';

// Each as the tool itself reads it: in the comment at a file's beginning.
const leading: readonly RegExp[] = [
  // sqlx
  /^--[ \t]*no-transaction\b/,
  // dbmate
  /^--[ \t]*migrate:up\b.*\btransaction:false\b/m,
  // sql-migrate
  /^--[ \t]*\+migrate[ \t]+Up\b.*\bnotransaction\b/m,
  // tern
  /^---- tern: disable-tx ----/m,
  // Atlas
  /^--[ \t]*atlas:txmode[ \t]+none[ \t]*$/m,
  // graphile-migrate
  /^--![ \t]*no-transaction\b/m,
  // Flyway
  /^--[ \t]*flyway:executeInTransaction[ \t]*[=:][ \t]*false\b/im,
  // Migratus
  /^--[ \t]*:disable-transaction\b/m,
  // postgres-migrations
  /^--[ \t]*postgres-migrations[ \t]+disable-transaction\b/m,
  // Yoyo
  /^--[ \t]*transactional:[ \t]*false\b/im,
  // Evolve
  /^--[ \t]*evolve-tx-off\b/m,
  // Bytebase
  /^--[ \t]*txn-mode[ \t]*=[ \t]*off\b/im,
  // refinery
  /^--[ \t]*refinery:noTransaction\b/m,
  // journey
  /^--[ \t]*disable_ddl_transaction\b/m,
];

// These tools read theirs anywhere in the file.
const anywhere: readonly RegExp[] = [
  // goose
  /^--[ \t]*\+goose[ \t]+NO[ \t]+TRANSACTION\b/,
  // Liquibase
  /^--[ \t]*changeset[ \t].*\brunInTransaction:"?false\b/i,
];
const candidate = /\+goose[ \t]+NO[ \t]|runInTransaction:/i;

/** True if a comment of another tool asks to run the file outside a transaction. */
export function hasTransactionMark(text: string): boolean {
  const head = leadingComment(text);
  if (leading.some((mark) => mark.test(head))) return true;
  if (!candidate.test(text)) return false;
  return [...spansOf(text)].some(
    ({ kind, start, end }) => kind === 'line' && anywhere.some((mark) => mark.test(text.slice(start, end))),
  );
}

// A line of nothing but a tool's name and the wish; what says more is a sentence.
const transaction = String.raw`(?:transaction(?:s|al)?|txn?)(?:[\s_-]*mode)?`;
const wish = new RegExp(
  String.raw`^--[-!\s]*[+@:]?(?:[\w.+]+(?:-\w+)*?[\s:]+|\w+-)?(?:(?:no|non|without|disable|skip)[\s_-]*(?:ddl[\s_-]*)?${transaction}|(?:[a-z]+_?in_?)?${transaction}(?:\s*[:=]\s*|[\s_-]+)(?:false|off|none|no))[\W_]*$`,
  'i',
);

/** The comments at a file's beginning that read like such a mark of a tool, with the UTF-16 index of each. */
export function likeTransactionMarks(text: string): { readonly index: number; readonly mark: string }[] {
  return [...leadingComment(text).matchAll(/^--.*$/gm)]
    .map(({ 0: line, index }) => ({ index, mark: line.trimEnd() }))
    .filter(({ mark }) => mark.length <= 80 && wish.test(mark));
}
