import { changesetsOf, conditionOf } from './changesets.ts';
import { hexDigest } from './checksums.ts';
import { nameKeys } from './file-layout.ts';
import type { HistoryReader, RecordedMigration, Refusal, SourceFile } from './history-reader.ts';
import { rowsBy } from './recorded-rows.ts';
import type { ForeignRow } from './table-form.ts';

/** Liquibase: `databasechangelog`, a row for each changeset of a file. */
export const liquibaseReader: HistoryReader = {
  tool: 'Liquibase',
  form: {
    columns: ['id', 'author', 'filename', 'exectype', 'md5sum', 'description'],
    time: 'dateexecuted',
    order: ['orderexecuted', 'dateexecuted'],
  },
  beside: (table) => ({ [`${table}lock`]: { columns: ['locked', 'lockedby'], time: null, order: [] } }),
  checksum: {
    name: 'MD5 of each changeset, as Liquibase computes it since 4.22',
    compare({ checksum }, file) {
      const recorded = JSON.parse(checksum) as Readonly<Record<string, string | null>>;
      const checks = changesetsOf(file.text).map(({ id, text, isPlain }) => {
        const sum = recorded[id] ?? (Object.keys(recorded).length === 1 ? Object.values(recorded)[0] : null);
        if (sum === checksumOfChangeset(text)) return 'equal';
        return sum?.startsWith('9:') && isPlain ? 'changed' : 'unverified';
      });
      return checks.find((check) => check !== 'equal') ?? 'equal';
    },
  },
  keysOf: ({ path }) => nameKeys(path),
  recorded({ rows, beside }, files) {
    const locked = Object.values(beside)
      .flat()
      .find((row) => row.locked === 'true');
    if (locked !== undefined) {
      return {
        refused: `the changelog lock is held by ${locked.lockedby}`,
        hint: 'wait for that run; if it died: liquibase release-locks',
      };
    }
    const failed = rows.find(({ exectype }) => exectype === 'FAILED');
    if (failed !== undefined) {
      return {
        refused: `changeset ${changesetId(failed)} of ${failed.filename} is FAILED`,
        hint: 'run it again with Liquibase, or undo it by hand and delete its row',
      };
    }
    const counted = rows.filter(({ exectype }) => exectype !== 'SKIPPED');
    const recorded = [...rowsBy(counted, 'filename')].map(([name, changesets]) => ofFile(name, changesets));
    return (
      recorded.map((migration) => partial(migration, files)).find((refusal) => refusal !== null) ?? recorded
    );
  },
};

function ofFile(name: string, changesets: readonly ForeignRow[]): RecordedMigration {
  const sums = changesets.map((row) => [changesetId(row), row.md5sum ?? null]);
  return {
    name,
    keys: nameKeys(name),
    appliedAt: changesets.at(-1)?.applied_at ?? null,
    checksum: JSON.stringify(Object.fromEntries(sums)),
  };
}

/** Refuses a file of which Liquibase has run some changesets only. */
function partial({ name, keys, checksum }: RecordedMigration, files: readonly SourceFile[]): Refusal | null {
  const recorded = JSON.parse(checksum ?? '{}') as object;
  const file = files.find(({ path }) => nameKeys(path)[0] === keys[0]);
  // One with a condition may never run here.
  const missing =
    file &&
    changesetsOf(file.text).find(
      (one) => one.id !== '' && !Object.hasOwn(recorded, one.id) && conditionOf(one) === null,
    );
  if (missing === undefined) return null;
  return {
    refused: `changeset ${missing.id} of ${name} is not deployed, and others of that file are`,
    hint: 'deploy it with liquibase update, or move it to a file of its own',
  };
}

function changesetId({ author, id }: ForeignRow): string {
  return `${author}:${id}`;
}

/** Liquibase's checksum of a changeset with one SQL change. */
function checksumOfChangeset(text: string): string {
  return `9:${hexDigest('md5', `9:${hexDigest('md5', text.replace(/[ \n\r\t]+/g, ''))}:`)}`;
}
