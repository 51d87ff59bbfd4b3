import { historyTable, rowOf } from '../history/history.ts';
import { historyKey } from '../project/order.ts';
import type { ScopeName } from '../results.ts';
import { quoteLiteral } from '../sql/quote.ts';
import type { EditSearch } from './accepted-edits.ts';
import type { RowEdit } from './repair.ts';

/** An applied migration of one schema whose file has been changed or renamed since. */
export interface ChangedChecksum {
  readonly database: string;
  readonly schema: string;
  readonly scope: ScopeName;
  readonly version: string | null;
  readonly name: string;
  readonly file: string;
  /** The name that the history has. */
  readonly appliedName: string;
  /** The checksum that the history has. */
  readonly from: string;
  /** The checksum of the current file. */
  readonly to: string;
}

/** Finds changed and renamed files; an edit records the new checksum and name. */
export const changedChecksums: EditSearch<ChangedChecksum> = {
  propose: (target, { migrations, database, config }) => {
    const { schema, scope, rows, plan } = target;
    const kinds: readonly string[] = ['checksum-changed', 'renamed'];
    const changed = new Set(plan.findings.filter(({ kind }) => kinds.includes(kind)).map(({ file }) => file));
    return migrations[scope]
      .filter(({ file }) => changed.has(file))
      .map((migration) => {
        const { version, name, file, checksum: to } = migration;
        const row = rows.find((candidate) => historyKey(candidate) === historyKey(migration));
        const { name: appliedName = name, checksum: from = '' } = row ?? {};
        const found = { database, schema, scope, version, name, file, appliedName, from, to };
        return { found, edit: editOf(found, config.historyTable) };
      });
  },
};

function editOf({ schema, version, name, from, to }: ChangedChecksum, table: string): RowEdit {
  const set = `checksum = ${quoteLiteral(to)}, name = ${quoteLiteral(name)}`;
  const where = `${rowOf({ version, name })} and checksum = ${quoteLiteral(from)}`;
  return { version, name, sql: `update ${historyTable(schema, table)} set ${set} where ${where}` };
}
