import { defaults } from '../project/defaults.ts';
import type { Kind } from '../project/option.ts';

/** When a run stops starting tenants: after this many failures, or this percentage of the tenants. */
export type MaxFailures = { readonly count: number } | { readonly percent: number };

/** Which tenants go first: a number of them, a percentage of those that have work, or these. */
export type Canary = number | { readonly percent: number } | { readonly names: readonly string[] };

/** The limits of one run over a selection of tenants; tenants created meanwhile do not change them. */
export interface StopRule {
  /** Start no more tenants once this many have failed. */
  readonly failures: number;
  /** Start no more tenants once this many canaries have failed or were refused. */
  readonly canaryFailures: number;
}

/** The failures of a run so far. */
export interface Failures {
  /** Tenants in which a file failed, canaries included. */
  readonly tenants: number;
  /** Canaries that failed or were refused. */
  readonly canaries: number;
}

/**
 * The limits for `selected` tenants. A tolerated canary failure must not trip `maxFailures`, so
 * `canaryTolerate` raises it if it is no higher.
 */
export function stopRule(
  selected: number,
  {
    maxFailures = { count: defaults.maxFailures },
    canaryTolerate = defaults.canaryTolerate,
  }: { readonly maxFailures?: MaxFailures | undefined; readonly canaryTolerate?: number | undefined },
): StopRule {
  return {
    failures: Math.max(failuresAllowed(maxFailures, selected), canaryTolerate + 1),
    canaryFailures: canaryTolerate + 1,
  };
}

/** Why no more tenants may start: too many canaries failed, or too many tenants; `null` while they may. */
export function stopReason(rule: StopRule, failures: Failures): 'canaries' | 'tenants' | null {
  if (failures.canaries >= rule.canaryFailures) return 'canaries';
  return failures.tenants >= rule.failures ? 'tenants' : null;
}

/**
 * The canaries among `candidates`, the tenants that a run can migrate, in their order. A percentage is rounded up, and
 * at least one. Names are accepted whether they are candidates or not.
 */
export function chooseCanaries(candidates: readonly string[], canary: Canary): ReadonlySet<string> {
  if (typeof canary === 'number') return new Set(candidates.slice(0, canary));
  if ('names' in canary) return new Set(canary.names);
  return new Set(candidates.slice(0, Math.max(1, Math.ceil((candidates.length * canary.percent) / 100))));
}

/** Parses `K` or `P%`; `null` if it is neither. */
export function parseMaxFailures(text: string): MaxFailures | null {
  const [, digits, percent] = /^(\d{1,9})(%?)$/.exec(text.trim()) ?? [];
  const number = Number(digits);
  const rule = percent === '%' ? { percent: number } : { count: number };
  return isMaxFailures(rule) ? rule : null;
}

/** True for a count of at least 1, or a percentage from 1 to 100. */
function isMaxFailures(value: unknown): value is MaxFailures {
  if (typeof value !== 'object' || value === null) return false;
  if ('count' in value) return Number.isSafeInteger(value.count) && Number(value.count) >= 1;
  return (
    'percent' in value && typeof value.percent === 'number' && value.percent >= 1 && value.percent <= 100
  );
}

/** True for a number of at least 1, a percentage from 1 to 100, or a list of names. */
function isCanary(value: unknown): value is Canary {
  if (typeof value !== 'object' || value === null) return Number.isSafeInteger(value) && Number(value) >= 1;
  if (!('names' in value)) return 'percent' in value && isMaxFailures(value);
  const { names } = value;
  return Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === 'string');
}

/** How many failures stop a run over `tenants` tenants; at least 1. */
function failuresAllowed(maxFailures: MaxFailures, tenants: number): number {
  const count = 'count' in maxFailures ? maxFailures.count : Math.ceil((tenants * maxFailures.percent) / 100);
  return Math.max(1, count);
}

/** When a run stops starting tenants. */
export const maxFailures: Kind = {
  takes: '{ count } of at least 1 or { percent } from 1 to 100',
  fits: isMaxFailures,
};

/** Which tenants go first. */
export const canary: Kind = {
  takes: 'a number of at least 1, { percent } from 1 to 100, or { names } of tenants',
  fits: isCanary,
};
