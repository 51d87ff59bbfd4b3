/** When a run stops starting tenants: after so many failures, or so many percent of the tenants. */
export type MaxFailures = { readonly count: number } | { readonly percent: number };

/** How many failures stop a run over `tenants` tenants; at least 1. */
export function failuresAllowed(maxFailures: MaxFailures, tenants: number): number {
  const count = 'count' in maxFailures ? maxFailures.count : Math.ceil((tenants * maxFailures.percent) / 100);
  return Math.max(1, count);
}

/** Reads `K` or `P%`; `null` where it is neither. */
export function parseMaxFailures(text: string): MaxFailures | null {
  const [, digits, percent] = /^(\d{1,9})(%?)$/.exec(text.trim()) ?? [];
  if (digits === undefined) return null;
  const number = Number(digits);
  if (percent === '%') return number >= 1 && number <= 100 ? { percent: number } : null;
  return number >= 1 ? { count: number } : null;
}
