/**
 * The first `most` items of each kind, in their order. The last of them that is left is given with how many of its kind
 * are not, where there were more.
 */
export function fewOfEach<T>(
  items: readonly T[],
  kindOf: (item: T) => string,
  most: number,
  withMore: (item: T, more: number) => T,
): T[] {
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
