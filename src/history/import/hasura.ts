import type { HistoryReader, Refusal } from './history-reader.ts';
import { readsVersions, recordedVersion } from './recorded-rows.ts';

/** Hasura: the CLI's state in `hdb_catalog.hdb_version`. */
export const hasuraReader: HistoryReader = {
  ...readsVersions,
  tool: 'Hasura',
  form: { columns: ['cli_state'], time: null, order: [] },
  recorded({ rows }) {
    const states = rows.map(({ cli_state }) => JSON.parse(cli_state ?? '{}') as CliState);
    return versionsOf(
      states.flatMap(({ migrations = {} }) => Object.values(migrations).flatMap((of) => Object.entries(of))),
    );
  },
  caveat: 'migrations of several sources are read as one list',
};

/** Hasura before 1.4: `hdb_catalog.schema_migrations`, the table of golang-migrate with many rows. */
export const oldHasuraReader: HistoryReader = {
  ...hasuraReader,
  tool: 'Hasura before 1.4',
  form: { columns: ['version', 'dirty'], time: null, order: ['version'] },
  recorded: ({ rows }) => versionsOf(rows.map(({ version, dirty }) => [version ?? '', dirty === 'true'])),
};

interface CliState {
  readonly migrations?: Readonly<Record<string, Readonly<Record<string, boolean>>>>;
}

function versionsOf(entries: readonly (readonly [version: string, dirty: boolean])[]) {
  const dirty = entries.find(([, isDirty]) => isDirty);
  if (dirty !== undefined) {
    return {
      refused: `version ${dirty[0]} is dirty`,
      hint: 'finish or undo it by hand, then: hasura migrate apply --skip-execution --version <version>',
    } satisfies Refusal;
  }
  return [...new Set(entries.map(([version]) => version))].map((version) => recordedVersion({ version }));
}
