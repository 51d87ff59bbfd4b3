/** The first names of a list, and `…` if there are more. */
export function few(names: readonly string[], most = 5): string {
  return names.slice(0, most).join(', ') + (names.length > most ? ', …' : '');
}

/** The first names of a list, and the number of the others if there are any. */
export function fewAndMore(names: readonly string[], most: number): string {
  const more = names.length - most;
  return names.slice(0, most).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** How `fewOfEach` shortens a list. */
interface Shortening<T> {
  readonly kindOf: (item: T) => string;
  /** How many items of one kind are kept. */
  readonly most: number;
  /** Replaces the last item that is kept of a kind if `more` of its kind are dropped. */
  readonly withMore: (item: T, more: number) => T;
}

/** Keeps the first items of each kind, in their order. */
export function fewOfEach<T>(items: readonly T[], { kindOf, most, withMore }: Shortening<T>): T[] {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(kindOf(item), (counts.get(kindOf(item)) ?? 0) + 1);
  const seen = new Map<string, number>();
  const result: T[] = [];
  for (const item of items) {
    const kind = kindOf(item);
    const place = (seen.get(kind) ?? 0) + 1;
    seen.set(kind, place);
    const more = (counts.get(kind) ?? 0) - most;
    if (place <= most) result.push(place === most && more > 0 ? withMore(item, more) : item);
  }
  return result;
}
