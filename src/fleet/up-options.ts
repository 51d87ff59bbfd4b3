import { type Canary, canary, type MaxFailures, maxFailures } from '../decide/stop-rule.ts';
import {
  byName,
  checkOptions,
  type Kinds,
  lacks,
  type Naming,
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
  /** Continue after up to this many failed canaries; 0 by default. */
  readonly canaryTolerate?: number;
  /** If the config has several databases: start in none unless all of them can be reached and checked. */
  readonly requireAll?: boolean;
}

const upKinds: Kinds<UpOptions> = {
  ...runKinds,
  select: { ...selection, required: true },
  maxFailures,
  canary,
  canaryTolerate: wholeNumber(0),
  requireAll: yesOrNo,
};

/**
 * Checks the options of `up`, each by itself and in combination.
 * @throws SqlmigError `bad-usage` naming the option.
 */
export function checkUpOptions(options: UpOptions, called: Naming = byName): void {
  checkOptions(options, upKinds, called);
  const { select, canary: first, canaryTolerate } = options;
  if (first === undefined && canaryTolerate !== undefined)
    throw lacks('canaryTolerate', called('canary'), called);
  if (first !== undefined && select.kind === 'public')
    throw lacks('canary', 'a selection of tenants', called);
}
