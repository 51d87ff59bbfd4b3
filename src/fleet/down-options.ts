import { type MaxFailures, maxFailures } from '../decide/stop-rule.ts';
import { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import {
  abortSignal,
  byName,
  callback,
  checkOptions,
  type Kind,
  type Kinds,
  type Naming,
  version,
  wholeNumber,
  yesOrNo,
} from '../project/option.ts';
import { type Selection, selection } from '../project/selection.ts';
import type { DownPlan } from '../results.ts';
import { type ChangeOptions, changeKinds } from '../run/run-options.ts';

/** How far `down` goes back. */
export type DownLimit =
  /** To this version, which stays; `0` undoes everything. */
  | { readonly to: string; readonly steps?: never; readonly toFiles?: never }
  /** By this many migrations in each schema, those that were applied last. */
  | { readonly steps: number; readonly to?: never; readonly toFiles?: never }
  /** To the newest version that the project has a file for, in each scope. */
  | { readonly toFiles: true; readonly to?: never; readonly steps?: never };

/** The options of `down`. */
export type DownOptions = DownLimit &
  ChangeOptions & {
    readonly select: Selection;
    /** Run for real, roll everything back, and report what would have happened. */
    readonly rehearse?: boolean;
    /** Start no more tenants after this many failures; 1 by default. */
    readonly maxFailures?: MaxFailures;
    /** Called with the plan; decides whether to continue. By default, `down` continues. */
    readonly accept?: (plan: DownPlan) => boolean | Promise<boolean>;
    /** If the config has several databases: start in none unless all of them can be reached and checked. */
    readonly requireAll?: boolean;
  };

/** The options of `planDown`. */
export type DownPlanOptions = DownLimit & {
  readonly select: Selection;
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
};

type Every<T> = { readonly [K in T extends unknown ? keyof T : never]: unknown };

const isTrue: Kind = { takes: 'true', fits: (value) => value === true };
const limitKinds = {
  to: { ...version, fits: (value: unknown) => value !== null && version.fits(value) },
  steps: wholeNumber(),
  toFiles: isTrue,
};
const planKinds: Kinds<Every<DownPlanOptions>> = {
  ...limitKinds,
  select: { ...selection, required: true },
  signal: abortSignal,
  onEvent: callback,
};
const downKinds: Kinds<Every<DownOptions>> = {
  ...planKinds,
  ...changeKinds,
  rehearse: yesOrNo,
  maxFailures,
  accept: callback,
  requireAll: yesOrNo,
};

/** Checks the options of `down`. @throws SqlmigError `bad-usage` naming the option. */
export function checkDownOptions(options: DownOptions, called: Naming = byName): void {
  checkOptions(options, downKinds, called);
  checkLimit(options, called);
}

/** Checks the options of `planDown`. @throws SqlmigError `bad-usage` naming the option. */
export function checkDownPlanOptions(options: DownPlanOptions): void {
  checkOptions(options, planKinds);
  checkLimit(options, byName);
}

function checkLimit(options: DownLimit, called: Naming): void {
  const limits = ['to', 'steps', 'toFiles'] as const;
  if (limits.filter((limit) => options[limit] !== undefined).length === 1) return;
  const [to, steps, toFiles] = limits.map(called);
  throw new SqlmigError('bad-usage', `down takes exactly one of ${to}, ${steps} and ${toFiles}`, {
    hint: `${to} is the version to go back to, ${steps} the number of migrations to undo, and ${toFiles} goes back to the newest version with a file`,
  });
}
