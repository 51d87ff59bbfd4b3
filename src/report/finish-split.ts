import type { FinishPlan } from '../operations/finish-split.ts';
import type { FinishedTable } from '../split/finish.ts';
import { count, indentedTable, names, placeLine, printable } from './table.ts';

/** The tables that a finish would drop. */
export function finishPlanText(plan: FinishPlan): string {
  const { tables, differences } = plan;
  if (tables.length === 0) return placeLine(plan);
  const changed = [...new Set(differences.map(({ schema }) => schema))];
  return `${placeLine(plan)}${count(tables.length, 'shared table')} to drop:
${indentedTable(tables.map(rowOf))}${
  changed.length > 0 ? `rows have changed since they were copied in: ${names(changed, 10)}\n` : ''
}`;
}

function rowOf({ table: name, owned, withoutTenant, unknownTenant }: FinishedTable): string[] {
  const open = withoutTenant + unknownTenant;
  return [printable(name), `${count(owned, 'row')} of tenants`, open > 0 ? `${open} of none` : ''];
}
