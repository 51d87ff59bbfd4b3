import { canonicalVersion, compareVersionParts } from '../../project/version.ts';
import { crc32 } from './checksums.ts';
import { migrationName } from './file-layout.ts';
import type { HistoryReader, RecordedMigration, SourceFile } from './history-reader.ts';
import type { ForeignRow } from './table-form.ts';

/** Flyway: `flyway_schema_history`, before version 5 `schema_version`. */
export const flywayReader: HistoryReader = {
  tool: 'Flyway',
  form: {
    columns: ['version', 'description', 'type', 'script', 'checksum', 'success'],
    time: 'installed_on',
    order: ['installed_rank'],
  },
  checksum: {
    name: "CRC-32 of the file's lines",
    compare({ name, checksum }, { path, text }) {
      if (String(flywayChecksum(text)) === checksum) return 'equal';
      // Flyway hashes a repeatable migration after it has replaced its placeholders. A B file stands for V files, and
      // may have the version of one of them.
      return text.includes('${') || isBaselineFile(name) !== isBaselineFile(path) ? 'unverified' : 'changed';
    },
  },
  keysOf: ({ path }) => fileKeys(path),
  undoFile: /(?:^|\/)U\d[^/]*__[^/]*$/,
  recorded({ rows }, files) {
    const newest = [...new Map(rows.map((row) => [identity(row), row])).values()];
    const failed = newest.find((row) => row.success !== 'true');
    if (failed !== undefined) {
      return {
        refused: `migration ${failed.script} failed`,
        hint: 'undo by hand what it left, then: flyway repair',
      };
    }
    const own = newest.filter((row) => !notMigration.test(row.type ?? '')).map(toRecorded);
    return [...belowBaseline(newest, own, files), ...own];
  },
  // The key adds a signed 32-bit hash of the table's name to "Flyway" in ASCII.
  lockKeys: () => [{ from: flywayKey - 2n ** 31n, to: flywayKey + 2n ** 31n - 1n }],
  caveat:
    'repeatable migrations with placeholders cannot be verified: Flyway hashes them with the values in place',
};

const flywayKey = 0x466c79776179n;
const notMigration = /^(?:SCHEMA|BASELINE|DELETE|UNDO_\w+)$/;

/** Flyway's checksum of a file: CRC-32 of its lines without line ends and byte order mark, as a signed number. */
export function flywayChecksum(text: string): number {
  return crc32(...text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/)) | 0;
}

// A row with a version counts for that version, whatever its type; one without for its description.
function identity({ version, description, type }: ForeignRow): string {
  if (type === 'SCHEMA') return 'schema';
  return version === null || version === undefined ? repeatableKey(description ?? '') : versionKey(version);
}

function toRecorded(row: ForeignRow): RecordedMigration {
  const { version = null, description, script, applied_at, checksum } = row;
  const plain = version === null || /[._]/.test(version) ? [] : [canonicalVersion(version)];
  return {
    name: script ?? version ?? '',
    keys: [identity(row), ...plain, ...(version === null ? [] : [`description ${description}`])],
    appliedAt: applied_at ?? null,
    checksum: checksum ?? null,
  };
}

// Everything up to a baseline was there before Flyway was, so it has no rows.
function belowBaseline(
  rows: readonly ForeignRow[],
  own: readonly RecordedMigration[],
  files: readonly SourceFile[],
): RecordedMigration[] {
  const baseline = rows.findLast(({ type }) => type === 'BASELINE' || type === 'SQL_BASELINE');
  if (baseline?.version === null || baseline?.version === undefined) return [];
  const until = versionParts(baseline.version);
  const ownKeys = new Set(own.map(({ keys }) => keys[0]));
  return files.flatMap(({ path }) => {
    const version = fileVersion(path);
    if (version === undefined || compareVersionParts(versionParts(version), until) > 0) return [];
    const key = versionKey(version);
    if (ownKeys.has(key)) return [];
    ownKeys.add(key);
    const { applied_at = null } = baseline;
    return [{ name: version, keys: [key], appliedAt: applied_at, checksum: null }];
  });
}

const versioned = /^[VB]?(\d+(?:[._]\d+)*)__?(.+)$/s;

function fileVersion(path: string): string | undefined {
  return versioned.exec(migrationName(path))?.[1];
}

function isBaselineFile(path: string): boolean {
  return /^B\d/.test(migrationName(path));
}

function fileKeys(path: string): readonly string[] {
  const name = migrationName(path);
  if (name.startsWith('R__')) return [repeatableKey(name.slice(3).replaceAll('_', ' '))];
  const [, version, description = ''] = versioned.exec(name) ?? [];
  if (version === undefined) return [];
  return [versionKey(version), `description ${description.replace(/^_+/, '').replaceAll('_', ' ')}`];
}

function repeatableKey(description: string): string {
  return `repeatable ${description}`;
}

function versionKey(version: string): string {
  return `version ${versionParts(version).join('.')}`;
}

// 1.0 is 1.
function versionParts(version: string): string[] {
  const parts = version.split(/[._]/).map(canonicalVersion);
  while (parts.length > 1 && parts.at(-1) === '0') parts.pop();
  return parts;
}
