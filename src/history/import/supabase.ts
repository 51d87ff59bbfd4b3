import { versionKeys } from './file-layout.ts';
import type { HistoryReader } from './history-reader.ts';
import { recordedVersion } from './recorded-rows.ts';

/** The Supabase CLI: `supabase_migrations.schema_migrations`, with the statements of each file. */
export const supabaseReader: HistoryReader = {
  tool: 'Supabase CLI',
  form: { columns: ['version', 'statements', 'name'], time: null, order: ['version'] },
  checksum: {
    name: 'the statements that were run, without white space and semicolons',
    compare: ({ checksum }, { text }) =>
      bare((JSON.parse(checksum) as string[]).join('\n')) === bare(text) ? 'equal' : 'changed',
  },
  keysOf: ({ path }) => versionKeys(path),
  recorded: ({ rows }) => rows.map((row) => recordedVersion(row, row.statements ?? null)),
};

function bare(text: string): string {
  return text.replace(/[\s;\ufeff]+/g, '');
}
