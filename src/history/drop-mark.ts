import type { Mark } from './mark.ts';
import type { HistoryRow } from './row.ts';

/** Marks a schema of which some objects have been dropped and others have not. */
export const dropMark: Mark = { name: 'sqlmig/tenant-drop', checksum: '' };

/** True for the history of a half-dropped schema. */
export function isHalfDropped(rows: readonly Pick<HistoryRow, 'version' | 'name'>[]): boolean {
  return rows.some(({ version, name }) => version === null && name === dropMark.name);
}
