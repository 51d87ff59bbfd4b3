/** The most similar word of a list, if one is similar enough to be a misspelling; `null` if none is. */
export function closest(word: string, known: readonly string[]): string | null {
  const most = Math.ceil(word.length / 3);
  const [best] = known
    .map((candidate) => ({ candidate, distance: distance(word, candidate) }))
    .filter((found) => found.distance <= most || found.candidate.startsWith(word))
    .sort((a, b) => a.distance - b.distance);
  return best?.candidate ?? null;
}

/** How many letters must be changed, added or removed (Levenshtein distance). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const change = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
