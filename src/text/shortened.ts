/** A text of at most 100 characters, with `…` for what is left out. */
export function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
