/** A wording that no message, help text or document may use, and what to write instead. */
export interface BannedPhrase {
  readonly phrase: RegExp;
  readonly instead: string;
}

/** Wordings that an English reader has to decode. Each pattern is case-insensitive and matches within one sentence. */
export const bannedPhrases: readonly BannedPhrase[] = [
  { phrase: /\bso (many|much|long)\b(?! as\b)/i, instead: 'N, at most N, this long' },
  {
    phrase: /(?<!")\b(nobody|somebody|whoever)\b/i,
    instead: 'no other run, another session, the process that',
  },
  { phrase: /\b(is|are|was|were|be|been|being) (told|served)\b/i, instead: 'reported, migrated' },
  { phrase: /\btells? (at once|of|apart)\b/i, instead: 'report, distinguish' },
  { phrase: /\bserv(ed|es) (the |all |these |those )?(public|tenants?|schemas?)\b/i, instead: 'migrated' },
  { phrase: /\b(puts?|put) up with\b/i, instead: 'accept, allow' },
  { phrase: /\bhears? of\b/i, instead: 'receives, notices' },
  { phrase: /\b(has|have|had) a say\b/i, instead: 'decides, applies' },
  { phrase: /\b(comes?|came) to (nothing|light|the same)\b/i, instead: 'results in, equals' },
  { phrase: /\bwhat (is|was|came) (there|of it)\b/i, instead: 'the existing objects, the result' },
  { phrase: /\bas it (is|stands)\b/i, instead: 'unchanged' },
  { phrase: /\bwhere (\S+ ){0,4}stands?\b/i, instead: 'the migration status of' },
  { phrase: /\b(file|word|name|row|rule|table|migration|column) (stands|stood)\b/i, instead: 'is, remains' },
  { phrase: /\bleft? (it |them )?(away|as it was)\b/i, instead: 'omit, unchanged' },
  { phrase: /\bnames nobody\b/i, instead: 'is empty' },
  { phrase: /\bfor whom\b/i, instead: 'what to migrate' },
  { phrase: /\bis at work\b/i, instead: 'is in use by' },
  { phrase: /\bmake(s|n)? good\b/i, instead: 'correct, repair' },
  { phrase: /\bnot there yet\b/i, instead: 'not reachable yet' },
  { phrase: /\bfrom here upwards?\b/i, instead: 'in this or a parent directory' },
  { phrase: /\b(gone|go|goes) round in a circle\b/i, instead: 'deadlock' },
  { phrase: /\bmay surprise\b/i, instead: 'is risky' },
  { phrase: /\bfinds? out how far\b/i, instead: 'check what was completed' },
  { phrase: /\bis more than \S+ \S+ can do\b/i, instead: 'does not support' },
  { phrase: /\b(lanes?|convoys?|footing)\b/i, instead: 'worker, batch' },
  {
    phrase:
      /\ba (file|line|schema|tenant|migration|transaction|row|message|commit|session|run|database) an? (file|line|schema|scope|tenant|migration|transaction|row|message|commit|session|run|database|folder|statement|version)\b/i,
    instead: 'one X per Y',
  },
  {
    phrase:
      /\b(file|line|transaction|row|message|migrations?|commit|session|tenants?|seconds?|milliseconds|ms|bytes|kB) an? (file|schema|tenant|migration|transaction|message|session|run|database|folder|statement)\b/i,
    instead: 'per',
  },
  { phrase: /\bexclude each other\b/i, instead: 'cannot be combined' },
  { phrase: /\b(go|goes|going|went) on\b/i, instead: 'continue' },
  { phrase: /\bbegun and not finished\b/i, instead: 'started but not finished' },
  { phrase: /\bin the way\b/i, instead: 'blocked by' },
  { phrase: /\bnothing of it\b/i, instead: 'none of it' },
  { phrase: /\b(goes|go) with\b/i, instead: 'requires' },
  { phrase: /\ba history of sqlmig\b/i, instead: 'a sqlmig history' },
  { phrase: /\b(refused|allowed|accepted), but for\b/i, instead: 'except' },
  { phrase: /\bcancell(ed|ing)\b/i, instead: 'canceled, canceling' },
  { phrase: /\b(colou|honou|behaviou|recognis)/i, instead: 'the American spelling' },
];
