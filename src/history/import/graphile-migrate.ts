import { withoutComments } from '../../sql/comments.ts';
import { hexDigest, textsOf } from './checksums.ts';
import { versionKeys } from './file-layout.ts';
import { type HistoryReader, oneKey, type RecordedMigration } from './history-reader.ts';

/** graphile-migrate: `graphile_migrate.migrations`. A row has the number of the file; each hash covers the one before. */
export const graphileMigrateReader: HistoryReader = {
  tool: 'graphile-migrate',
  form: { columns: ['hash', 'previous_hash', 'filename'], time: 'date', order: ['filename'] },
  beside: () => ({ current: { columns: ['filename', 'content'], time: null, order: [] } }),
  checksum: {
    name: "SHA-1 of the file's body and the hash before it",
    compare({ checksum }, file) {
      const [previous, hash] = checksum.split(' ');
      const start = previous === '-' ? '' : previous;
      return textsOf(file).some((text) => `sha1:${hexDigest('sha1', hashed(start ?? '', text))}` === hash)
        ? 'equal'
        : 'changed';
    },
  },
  keysOf: ({ path }) => (isCommitted(path) ? versionKeys(path) : []),
  recorded({ rows, beside }) {
    if (beside.current?.some(({ content }) => withoutComments(content ?? '').text.trim() !== '')) {
      return {
        refused: 'current.sql was run here and is not committed',
        hint: 'commit it, or undo it by hand and empty graphile_migrate.current',
      };
    }
    return rows.map(
      ({ hash, previous_hash, filename, applied_at = null }): RecordedMigration => ({
        name: filename ?? '',
        keys: versionKeys(filename ?? ''),
        appliedAt: applied_at,
        checksum: `${previous_hash ?? '-'} ${hash}`,
      }),
    );
  },
  lockKeys: () => oneKey(4727445306447283n),
};

/** True for a migration; the files in `current` are not committed yet, and others are hooks. */
export function isCommitted(path: string): boolean {
  return /(?:^|\/)\d+[^/]*\.sql$/.test(path) && !/(?:^|\/)current\//.test(path);
}

function hashed(previous: string, text: string): string {
  const lines = text.replace(/^\ufeff/, '').split('\n');
  const header = lines.findIndex((line) => !line.startsWith('--! '));
  const body = header <= 0 ? text : lines.slice(header).join('\n');
  return `${`${previous}\n${body.trim()}`.trim()}\n`;
}
