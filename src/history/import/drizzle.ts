import { SqlmigError } from '../../errors.ts';
import { anyOf, hexDigest, textsOf } from './checksums.ts';
import { isListOf, migrationName } from './file-layout.ts';
import type { HistoryReader, SourceFile } from './history-reader.ts';
import { rowsBy } from './recorded-rows.ts';

/** Drizzle: `__drizzle_migrations`. A row has the hash of the file and the time in the journal, not its name. */
export const drizzleReader: HistoryReader = {
  tool: 'Drizzle',
  form: { columns: ['hash', 'created_at', 'name'], time: 'applied_at', order: ['id'] },
  checksum: anyOf('SHA-256 of the file', hashes),
  keysOf: (file, files) => [
    ...journalKeys(file, files),
    ...hashes(file).map((hash) => hashKey(hash, sameText(file, files))),
  ],
  recorded: ({ rows }) =>
    [...rowsBy(rows, 'hash')].flatMap(([hash, same]) =>
      same.map(({ created_at = '', name, applied_at = null }, nth) => ({
        name: name ?? `the one of ${created_at}`,
        keys: [`when ${created_at}`, hashKey(hash, nth)],
        appliedAt: applied_at,
        checksum: hash,
      })),
    ),
  caveat:
    'without meta/_journal.json a changed file cannot be distinguished from one that never ran: rows have no names',
};

function hashes(file: SourceFile): string[] {
  return textsOf(file).map((text) => hexDigest('sha256', text));
}

// Each row of a hash is of another file: empty files, for example, are all alike.
function hashKey(hash: string, nth: number): string {
  return `hash ${hash} ${nth}`;
}

/** How many files before this one have the same text. */
function sameText(file: SourceFile, files: readonly SourceFile[]): number {
  return files.slice(0, files.indexOf(file)).filter(({ text }) => text === file.text).length;
}

function journalKeys(file: SourceFile, files: readonly SourceFile[]): string[] {
  const entries = journalIn(files) ?? [];
  return entries.filter(({ tag }) => tag === migrationName(file.path)).map(({ when }) => `when ${when}`);
}

/** A file in Drizzle's journal: its name, and when it was generated. */
interface JournalEntry {
  readonly tag: string;
  readonly when: number;
}

/** The files in Drizzle's journal, in its order; `null` without a journal. @throws SqlmigError `file-unreadable`. */
export function journalIn(files: readonly SourceFile[]): readonly JournalEntry[] | null {
  const journal = files.find(({ path }) => isListOf('Drizzle', path));
  if (journal === undefined) return null;
  try {
    const { entries } = JSON.parse(journal.text) as { readonly entries: readonly JournalEntry[] };
    return entries.map(({ tag, when }) => ({ tag, when }));
  } catch (cause) {
    throw new SqlmigError('file-unreadable', `${journal.path} is not a journal of Drizzle`, {
      hint: 'restore it from version control',
      cause,
    });
  }
}
