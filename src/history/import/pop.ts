import { canonicalVersion } from '../../project/version.ts';
import { versionKeys } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';
import { readsVersions, recordedVersion } from './recorded-rows.ts';

/** The length of a version in pop. Ory's releases of it have longer ones, and keep the shorter rows of earlier releases. */
const shortVersion = 14;

/** pop, also known as soda, of Buffalo and Ory: `schema_migration`. */
export const popReader: HistoryReader = {
  ...readsVersions,
  tool: 'pop',
  form: { columns: ['version'], time: null, order: ['version'] },
  recorded({ rows }, files) {
    const versions = rows.map(({ version }) => version ?? '');
    const known = new Set(files.flatMap(({ path }) => versionKeys(path)));
    const isReplaced = (version: string) =>
      version.length === shortVersion &&
      !known.has(canonicalVersion(version)) &&
      versions.some((other) => other.length > shortVersion && other.startsWith(version));
    return rows.filter(({ version }) => !isReplaced(version ?? '')).map((row) => recordedVersion(row));
  },
};
