import { type Canary, canary, type MaxFailures, maxFailures } from '../decide/stop-rule.ts';
import {
  byName,
  checkOptions,
  type Kinds,
  lacks,
  type Naming,
  text,
  wholeNumber,
  yesOrNo,
} from '../project/option.ts';
import { type Selection, selection } from '../project/selection.ts';
import { type RunOptions, runKinds } from '../run/run-options.ts';

/** What `up` migrates, and when it stops. */
export interface UpOptions extends RunOptions {
  readonly select: Selection;
  /**
   * Start no more tenants after this many failures; 1 by default. A percentage is of the tenants that were selected when
   * the run started.
   */
  readonly maxFailures?: MaxFailures;
  /**
   * Migrate these tenants first, and the rest only if none of them fails. A number or percentage is of the tenants with
   * pending migrations.
   */
  readonly canary?: Canary;
  /**
   * A query that must return true in every canary, or no other tenant is started: one row with one boolean. It runs in a
   * read-only transaction with the `search_path` of the tenant's files, and sees what they did.
   */
  readonly canaryCheck?: string;
  /** Migrate only the tenants that failed or were skipped in the last run of `up`; with a selection of all. */
  readonly onlyFailed?: boolean;
  /** Continue after up to this many failed canaries; 0 by default. */
  readonly canaryTolerate?: number;
  /**
   * Rehearse only this many of the selected tenants, those that are largest, and estimate what the others take. If the
   * config has several databases, this many in each. Only with `rehearse`.
   */
  readonly sample?: number;
  /** If the config has several databases: start in none unless all of them can be reached and checked. */
  readonly requireAll?: boolean;
}

const upKinds: Kinds<UpOptions> = {
  ...runKinds,
  select: { ...selection, required: true },
  maxFailures,
  canary,
  canaryCheck: text,
  onlyFailed: yesOrNo,
  canaryTolerate: wholeNumber(0),
  requireAll: yesOrNo,
  sample: wholeNumber(),
};

/**
 * Checks the options of `up`, each by itself and in combination.
 * @throws SqlmigError `bad-usage` naming the option.
 */
export function checkUpOptions(options: UpOptions, called: Naming = byName): void {
  checkOptions(options, upKinds, called);
  const { select, canary: first, sample, rehearse = false, onlyFailed = false } = options;
  for (const option of ['canaryTolerate', 'canaryCheck'] as const) {
    if (first === undefined && options[option] !== undefined) throw lacks(option, called('canary'), called);
  }
  if (onlyFailed && select.kind !== 'all') throw lacks('onlyFailed', 'a selection of all tenants', called);
  if (sample !== undefined && !rehearse) throw lacks('sample', called('rehearse'), called);
  if (sample !== undefined && select.kind === 'public')
    throw lacks('sample', 'a selection of tenants', called);
  if (first !== undefined && select.kind === 'public')
    throw lacks('canary', 'a selection of tenants', called);
}
