import { anyOf, hexDigest, textsOf } from './checksums.ts';
import { migrationName } from './file-layout.ts';
import type { HistoryReader, SourceFile } from './history-reader.ts';

/** Drizzle: `__drizzle_migrations`. A row has the hash of the file and the time in the journal, not its name. */
export const drizzleReader: HistoryReader = {
  tool: 'Drizzle',
  form: { columns: ['hash', 'created_at', 'name'], time: 'applied_at', order: ['id'] },
  checksum: anyOf('SHA-256 of the file', hashes),
  keysOf: (file, files) => [...journalKeys(file, files), ...hashes(file).map((hash) => `hash ${hash}`)],
  recorded: ({ rows }) =>
    rows.map(({ hash = '', created_at = '', name, applied_at = null }) => ({
      name: name ?? `the one of ${created_at}`,
      keys: [`hash ${hash}`, `when ${created_at}`],
      appliedAt: applied_at,
      checksum: hash,
    })),
  caveat:
    'without meta/_journal.json a changed file cannot be distinguished from one that never ran: rows have no names',
};

function hashes(file: SourceFile): string[] {
  return textsOf(file).map((text) => hexDigest('sha256', text));
}

function journalKeys(file: SourceFile, files: readonly SourceFile[]): string[] {
  const journal = files.find(({ path }) => /(?:^|\/)meta\/_journal\.json$/.test(path));
  if (journal === undefined) return [];
  const { entries } = JSON.parse(journal.text) as { entries: readonly { tag: string; when: number }[] };
  return entries.filter(({ tag }) => tag === migrationName(file.path)).map(({ when }) => `when ${when}`);
}
