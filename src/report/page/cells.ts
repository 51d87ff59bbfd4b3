import { byVersion } from '../../history/history-times.ts';
import { historyKey } from '../../project/order.ts';
import type { Migration } from '../../sql/migration.ts';
import type { Target } from '../../state/target.ts';

/** A column of the grid: a migration that has a file, or that some history has a row of. */
export interface Column {
  readonly key: string;
  /** The digits in the file name, or `null` for a repeatable. */
  readonly version: string | null;
  readonly name: string;
  readonly hasFile: boolean;
}

/** The columns for these schemas, in the order in which their migrations run. */
export function columnsOf(files: readonly Migration[], targets: readonly Target[]): Column[] {
  const columns = new Map<string, Column>();
  const add = (migration: { readonly version: string | null; readonly name: string }, hasFile: boolean) => {
    const key = historyKey(migration);
    if (!columns.has(key))
      columns.set(key, { key, version: migration.version, name: migration.name, hasFile });
  };
  for (const file of files) add(file, true);
  for (const rows of new Set(targets.map((target) => target.rows))) for (const row of rows) add(row, false);
  return [...columns.values()].sort(byVersion);
}

/**
 * The state of each migration in one schema, a letter each, as the page's program reads them (see `STATES` there). A blank
 * is a migration that only other schemas have.
 */
export function cellsOf({ plan, rows, trouble }: Target, columns: readonly Column[]): string {
  if (trouble !== null) return 'u'.repeat(columns.length);
  const recorded = new Map(rows.map((row) => [historyKey(row), row]));
  const pending = new Set(plan.steps.map(historyKey));
  const kinds = new Map(
    plan.findings.map(({ kind, version = null, name = '' }) => [historyKey({ version, name }), kind]),
  );
  const letter = ({ key, version, hasFile }: Column): string => {
    const row = recorded.get(key);
    const kind = kinds.get(key);
    if (row !== undefined && row.state !== 'applied') return 'i';
    if (pending.has(key)) return kind === 'out-of-order' ? 'o' : 'p';
    if (row === undefined) return hasFile ? 'b' : ' ';
    if (kind === 'checksum-changed') return 'c';
    if (kind === 'renamed') return 'r';
    if (kind === 'file-missing') return 'm';
    return version !== null && plan.ahead.includes(row.version ?? '') ? 'n' : 'a';
  };
  return columns.map(letter).join('');
}
