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
    // A reworked change keeps its old file as change@tag.sql.
    const change = (changeIn(file.path)?.name ?? migrationName(file.path)).replace(/@.*$/, '');
    return [change, change.replace(/^\d+_+/, ''), ...hashes(file).map((hash) => `hash ${hash}`)];
  },
  undoFile: /(?:^|\/)(?:revert|verify)\//,
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

/** The change that a file of Sqitch belongs to, and what the file does; `null` for any other file. */
export function changeIn(
  path: string,
): { readonly does: 'deploy' | 'revert' | 'verify'; readonly name: string } | null {
  const [, does, name = ''] = /(?:^|\/)(deploy|revert|verify)\/(.+)\.sql$/s.exec(path) ?? [];
  return does === 'deploy' || does === 'revert' || does === 'verify' ? { does, name } : null;
}

function hashes(file: SourceFile): string[] {
  return textsOf(file).map((text) => hexDigest('sha1', text));
}
