import type { Migration } from './migration.ts';

/** The text of a down file with its checksum, as a history keeps it. */
export type DownText = Pick<Migration, 'text' | 'checksum'>;

/** A history keeps down files of up to this many bytes (UTF-8). */
export const longestKept = 65_536;

/** Whether the file that undoes a migration is too long to be kept in a history. */
export function isTooLongToKeep({ text }: Pick<Migration, 'text'>): boolean {
  return Buffer.byteLength(text) > longestKept;
}

/**
 * What a history keeps of the file that undoes a migration; `null` if there is none, it is too long, or the encoding of
 * the database may lack one of its characters, which would make the insert fail.
 */
export function keptDown({ undoneBy }: Migration, isUtf8: boolean): DownText | null {
  if (undoneBy === undefined || isTooLongToKeep(undoneBy)) return null;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII begins with them.
  return isUtf8 || /^[\x00-\x7f]*$/.test(undoneBy.text) ? undoneBy : null;
}
