import { historyTable, rowOf } from '../history/history.ts';
import { historyKey } from '../project/order.ts';
import type { ScopeName } from '../results.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { requireFiles } from '../state/missing-files.ts';
import type { EditSearch } from './accepted-edits.ts';

/** An applied migration of one schema whose file is missing. */
export interface MissingFile {
  readonly database: string;
  readonly schema: string;
  readonly scope: ScopeName;
  /** Without leading zeros; `null` for a repeatable. */
  readonly version: string | null;
  readonly name: string;
}

/** Finds applied migrations whose files are missing; an edit deletes the history row. */
export const missingFiles: EditSearch<MissingFile> = {
  check: requireFiles,
  propose: ({ schema, scope, plan, rows }, { database, config }) => {
    const missing = plan.findings.filter(({ kind }) => kind === 'file-missing');
    const keys = new Set(missing.map(({ version = null, name = '' }) => historyKey({ version, name })));
    const table = historyTable(schema, config.historyTable);
    return rows
      .filter((row) => keys.has(historyKey(row)))
      .map((row) => {
        const { version, name, checksum } = row;
        const where = `${rowOf(row)} and checksum = ${quoteLiteral(checksum)} and state = 'applied'`;
        const edit = { version, name, sql: `delete from ${table} where ${where}` };
        return { found: { database, schema, scope, version, name }, edit };
      });
  },
};
