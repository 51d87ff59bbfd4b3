import type { EarlierStatements } from './earlier-statements.ts';
import type { LockRule } from './lint-rules.ts';
import type { QualifiedName } from './migration.ts';

/** What a statement locks, rewrites or breaks, and what to write instead. */
export type LockWarning = readonly [rule: LockRule, message: string];

/** What the cost of a statement depends on, besides its text. */
export interface LockContext {
  readonly earlier: EarlierStatements;
  /** True if the file runs in one transaction. */
  readonly transactional: boolean;
  /** Where a statement has to be that must run in a later transaction, in words. */
  readonly laterFile: string;
}

/** A name as messages show it. */
export function relationText({ schema, name }: QualifiedName): string {
  return schema === null ? name : `${schema}.${name}`;
}
