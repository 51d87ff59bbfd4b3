/** Source of a pattern that matches this text alone, with the flag `u` as well. */
export function literalPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
