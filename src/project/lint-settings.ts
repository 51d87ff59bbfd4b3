import type { LintRule } from '../sql/lint-rules.ts';

/** Which warnings about files are left out. */
export interface LintSettings {
  /** Rules that are turned off. */
  readonly off: readonly LintRule[];
  /** Files up to this version cause no warnings. */
  readonly after?: string;
}
