/** The number of characters of a text that are shown. */
export const mostText = 200;

/** A text in one line. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** The part of a text that is shown, with `…` for the rest on each side. */
export function excerpt(text: string, from = 0): string {
  const part = from === 0 ? text : `…${text.slice(from)}`;
  return part.length > mostText ? `${part.slice(0, mostText - 1)}…` : part;
}
