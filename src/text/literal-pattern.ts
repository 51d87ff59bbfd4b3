/** Source of a pattern that matches only this text, with or without the flag `u`. */
export function literalPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
