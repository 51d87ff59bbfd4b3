import type { EndedMove, EndOfMove } from '../lifecycle/end-of-move.ts';
import type { MovedTenant, TenantMove } from '../operations/move-tenant.ts';
import { count, indentedTable, names, placeLine, printable } from './table.ts';
import { versionText } from './version-text.ts';

/** What a move would copy. */
export function tenantMoveText(plan: TenantMove): string {
  const { schema, tables, closed, to } = plan;
  const rows = tables.map(({ table, rows }) => [printable(table), count(rows, 'row')]);
  const begun = closed
    ? 'an earlier move was interrupted, and the tenant has been read-only since then\n'
    : '';
  return `${placeLine(plan)}${printable(schema)}  ${versionText(plan, [])}, ${contents(plan)}, to ${placeText(to)}
${indentedTable(rows)}${begun}`;
}

/** How a move ended, in one line. */
export function tenantMovedText(result: MovedTenant): string {
  const { schema, state, to } = result;
  if (state !== 'moved') return `${printable(schema)}  not moved\n`;
  return `${printable(schema)}  moved to ${placeText(to)}  ${versionText(result, [])}  ${contents(result)}\n`;
}

/** What is left to do after a move. */
export function afterMoveText(result: MovedTenant): string {
  if (result.state !== 'moved') return '';
  return `it is read-only in ${placeText(result)}; connect the application to the other database, then drop it here with --finish\n`;
}

/** What the end of a move would drop. */
export function moveEndText(plan: EndOfMove): string {
  const { schema, drops, changed } = plan;
  const lost =
    changed.length === 0 ? '' : `rows of these tables have changed since the copy: ${names(changed, 10)}\n`;
  const what = drops === null ? 'no copy to drop' : `to drop in ${placeText(drops)}: ${contents(plan)}`;
  return `${placeLine(plan)}${printable(schema)}  moved to ${placeText(plan.to)}\n${what}\n${lost}`;
}

/** How a move was ended, in one line. */
export function moveEndedText({ schema, state, to }: EndedMove): string {
  const ends: Readonly<Record<EndedMove['state'], string>> = {
    finished: `is now only in ${placeText(to)}`,
    undone: 'is back, and writable again',
    unchanged: 'unchanged',
    failed: 'failed',
  };
  return `${printable(schema)}  ${ends[state]}\n`;
}

function contents({ tables }: Pick<TenantMove, 'tables'>): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return `${count(rows, 'row')} in ${count(tables.length, 'table')}`;
}

function placeText({ database, host }: TenantMove['to']): string {
  return `${printable(database)} on ${printable(host)}`;
}
