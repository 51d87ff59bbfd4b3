import type { SplitPlan } from '../operations/split-rows.ts';
import type { SplitSchema } from '../split/copy-tenants.ts';
import type { SplitObstacle } from '../split/paths.ts';
import type { SplitTable } from '../split/survey.ts';
import { count, groupBy, indentedTable, names, placeLine, printable, schemaNames } from './table.ts';

/** The planned split, table by table. */
export function splitPlanText(plan: SplitPlan): string {
  const { tables, splitBy, staying, triggers, tenants, dependents } = plan;
  const more = [
    ...(tenants.done > 0 ? [`${tenants.done} split before`] : []),
    ...(tenants.missing > 0 ? [`${tenants.missing} to be created`] : []),
  ];
  const notes = [
    ...tables.flatMap((table) => notesOf(table, splitBy)).map((note) => `  ${note}`),
    ...(staying.length > 0 ? [`not split: ${names([...staying].sort(), 20)}`] : []),
    ...(triggers ? ['triggers of the tenant tables fire'] : []),
    ...(dependents.length > 0 ? [`to be dropped or changed before --finish: ${names(dependents, 10)}`] : []),
  ];
  return `${placeLine(plan)}${count(tenants.total, 'tenant')}${more.length > 0 ? `: ${more.join(', ')}` : ''}
${count(tables.length, 'shared table')} to split:
${indentedTable(tables.map(rowOf))}${notes.map((note) => `${note}\n`).join('')}`;
}

function rowOf({ table: name, path, counts }: SplitTable): string[] {
  const via = path
    .map(({ table, columns }, i) =>
      i === 0 ? columns.join(', ') : `${printable(table)}.${columns.join(', ')}`,
    )
    .map(printable)
    .join(' → ');
  if (counts === null) return [printable(name), `by ${via}`];
  const { owned, withoutTenant, unknownTenant } = counts;
  const open = [
    ...(withoutTenant > 0 ? [`${withoutTenant} without a tenant`] : []),
    ...(unknownTenant > 0 ? [`${unknownTenant} with unlisted ids`] : []),
  ];
  const stay = open.length > 0 ? `; stay: ${open.join(', ')}` : '';
  return [printable(name), `by ${via}`, `${count(owned, 'row')}${stay}`];
}

function notesOf(table: SplitTable, splitBy: string): string[] {
  const { table: name, onlyTenant, generated, unindexed, counts } = table;
  const title = printable(name);
  const onlyShared = table.onlyShared.filter((column) => column !== splitBy);
  return [
    ...(onlyShared.length > 0
      ? [`${title}: not copied, because only the shared table has it: ${names(onlyShared, 10)}`]
      : []),
    ...(onlyTenant.length > 0
      ? [`${title}: default value, because only the tenant table has it: ${names(onlyTenant, 10)}`]
      : []),
    ...(generated.length > 0 ? [`${title}: computed by the tenant table: ${names(generated, 10)}`] : []),
    ...(unindexed && (counts?.rows ?? 0) > fewRows
      ? [
          `${title}: no index begins with the column that leads to the tenant, so the whole table is read for each tenant`,
        ]
      : []),
  ];
}

const fewRows = 10_000;

/** The obstacles, each with a remedy. */
export function splitObstaclesText(obstacles: readonly SplitObstacle[]): string {
  const groups = groupBy(obstacles, ({ schema: _, ...rest }) => JSON.stringify(rest));
  const paragraphs = groups.map((group) => {
    const [{ table: name, message, hint }] = group as [SplitObstacle];
    const schemas = group.flatMap(({ schema }) => schema ?? []);
    const where = [
      ...(schemas.length > 0 ? [names(schemas, 5)] : []),
      ...(name === undefined ? [] : [printable(name)]),
    ];
    return `obstacle: ${where.length > 0 ? `${where.join(': ')}: ` : ''}${printable(message)}\n  hint: ${printable(hint)}\n`;
  });
  return paragraphs.join('');
}

/** The outcome of a split, one line per state. */
export function splitText(schemas: readonly SplitSchema[]): string {
  const said: Readonly<Record<SplitSchema['state'], string>> = {
    split: 'split',
    unchanged: 'split before',
    failed: 'failed',
  };
  return groupBy(schemas, ({ state }) => state)
    .map((group) => {
      const [{ state }] = group as [SplitSchema];
      const rows = group.reduce((sum, schema) => sum + schema.rows, 0);
      return `${said[state]}  ${count(group.length, 'tenant')}${rows > 0 ? `, ${count(rows, 'row')}` : ''}: ${schemaNames(group, 10)}\n`;
    })
    .join('');
}
