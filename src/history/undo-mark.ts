import { quoteLiteral } from '../sql/quote.ts';

// While a non-transactional down file runs, `checksum` holds its checksum and that of the migration. No file has such a
// checksum, so no other run, not even one of an earlier version, takes the row for a migration to continue.
const between = ' undoes ';

/** SQL expression: the checksum of a row while the down file with this checksum undoes its migration. */
export function markUndone(undoneBy: string): string {
  return `${quoteLiteral(`${undoneBy}${between}`)} || checksum`;
}

/** SQL expression: the checksum that the row had before `markUndone`. */
export const unmarked = `split_part(checksum, ${quoteLiteral(between)}, 2)`;

/** Reads the checksum of a row, and the checksum of the down file that is undoing its migration, if any. */
export function readChecksum(text: string): { readonly checksum: string; readonly undoneBy?: string } {
  const at = text.indexOf(between);
  return at === -1
    ? { checksum: text }
    : { checksum: text.slice(at + between.length), undoneBy: text.slice(0, at) };
}
