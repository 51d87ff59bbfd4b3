import { anyOf, hexDigest, textsOf } from './checksums.ts';
import { migrationName } from './file-layout.ts';
import { type HistoryReader, oneKey, type SourceFile } from './history-reader.ts';

/** Sqitch: `sqitch.changes`, the changes that are deployed now. */
export const sqitchReader: HistoryReader = {
  tool: 'Sqitch',
  form: {
    columns: ['change_id', 'script_hash', 'change', 'project'],
    time: 'committed_at',
    order: ['committed_at'],
  },
  checksum: anyOf('SHA-1 of the deploy file', hashes),
  keysOf(file) {
    const name = migrationName(file.path);
    // A reworked change keeps its old file as change@tag.sql.
    const change = name.replace(/@.*$/, '');
    return [change, change.replace(/^\d+_+/, ''), ...hashes(file).map((hash) => `hash ${hash}`)];
  },
  // Changes reworked since have the same name, and their files differ.
  recorded: ({ rows }) =>
    rows.map(({ change, script_hash, applied_at = null }) => ({
      name: change ?? '',
      keys: [`hash ${script_hash}`, change ?? ''],
      appliedAt: applied_at,
      checksum: script_hash ?? null,
    })),
  lockKeys: () => oneKey(75474063n),
};

function hashes(file: SourceFile): string[] {
  return textsOf(file).map((text) => hexDigest('sha1', text));
}
