/** The rules on statements that lock a table for long, rewrite it, or break the release that is running. */
export const lockRules = [
  'required-column',
  'volatile-default',
  'serial-column',
  'generated-column',
  'type-change',
  'set-not-null',
  'drop-column',
  'rename-column',
  'unique-constraint',
  'exclusion-constraint',
  'foreign-key',
  'check-constraint',
  'validate-with-not-valid',
  'create-index',
  'drop-index',
  'reindex',
  'refresh',
  'table-rewrite',
  'attach-partition',
  'detach-partition',
  'lock-table',
  'drop-table',
  'rename-table',
] as const;

/** One of `lockRules`. */
export type LockRule = (typeof lockRules)[number];

/** All rules of lints. */
export const lintRules = [
  'hard-coded-schema',
  'shared-object',
  'unfiltered-catalog',
  'extension-skipped',
  'extension-missing',
  'newer-grammar',
  'dump-head',
  'dump-of-schema',
  'down-too-long',
  'placeholder-in-string',
  ...lockRules,
] as const;

/** One of `lintRules`. */
export type LintRule = (typeof lintRules)[number];
