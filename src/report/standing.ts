import { troubleCodes } from '../errors.ts';

/** Where a schema stands, in words; `codes`: the codes of its error, or the kinds of its findings. */
export function standing(version: string | null, codes: readonly (string | undefined)[]): string {
  if (version !== null) return `at ${version}`;
  if (codes.includes('schema-missing')) return '-';
  return codes.some((code) => troubleCodes.includes(code)) ? 'unknown' : 'empty';
}
