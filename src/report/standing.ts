import { troubleKinds } from '../model.ts';

const troubles: readonly (string | undefined)[] = troubleKinds;

/** Where a schema stands, in words; `codes`: the codes of its error, or the kinds of its findings. */
export function standing(version: string | null, codes: readonly (string | undefined)[]): string {
  if (version !== null) return `at ${version}`;
  if (codes.includes('schema-missing')) return '-';
  return codes.some((code) => troubles.includes(code)) ? 'unknown' : 'empty';
}
