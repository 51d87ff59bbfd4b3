import type { Migration } from './migration.ts';

/** A history keeps down files of up to this many bytes (UTF-8). */
export const longestKept = 65_536;

/** Whether a down file is too long to be kept in a history. */
export function isTooLongToKeep({ text }: Pick<Migration, 'text'>): boolean {
  return Buffer.byteLength(text) > longestKept;
}

/**
 * Whether a history keeps a down file. It does not if the file is too long, or if the insert could fail because the
 * encoding of the database may lack a character.
 */
export function isKept(file: Pick<Migration, 'text'>, isUtf8: boolean): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII begins with them.
  return !isTooLongToKeep(file) && (isUtf8 || /^[\x00-\x7f]*$/.test(file.text));
}
