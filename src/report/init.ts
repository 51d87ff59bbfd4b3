import type { DatabaseFacts, Proposal, TenantChoice } from '../project/proposal.ts';
import { count, names, printable } from './table.ts';

/** What `init` found in a database, a line each. */
export function foundText(database: string, facts: DatabaseFacts, proposal: Proposal): string {
  const { alike, column, odd, historyTable } = proposal;
  const lines = [
    alike &&
      `${count(alike.schemas.length, 'schema')} with the same ${tablesText(alike.tables)}: ${names(alike.schemas, 3)}`,
    column &&
      `the tenants in ${column.table}.${column.column}: ${column.schemas.length} of its ${count(column.values, 'value')} are schemas`,
    column &&
      column.values > column.schemas.length &&
      `${count(column.values - column.schemas.length, 'value')} of ${column.table}.${column.column} without a schema, which up --all would create`,
    odd.length > 0 && `${count(odd.length, 'schema')} of a like name, with other tables: ${names(odd, 3)}`,
    ...facts.histories.map(
      ({ tool, table, schemas }) => `the history of ${tool}, ${table}, in ${names(schemas, 3)}`,
    ),
    facts.own.length > 0 && `a history of sqlmig in ${names(facts.own, 3)}`,
    historyTable !== null && `that table's name taken: the config calls sqlmig's own ${historyTable}`,
  ].filter((line) => typeof line === 'string');
  const where = `looked at the database ${printable(database)}`;
  if (lines.length === 0) return `${where}: nothing there that says who the tenants are\n`;
  return `${where}, and found\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** Where the tenants of a new project come from, in words. */
export function sourceText(tenants: TenantChoice): string {
  switch (tenants.kind) {
    case 'query':
      return `tenants: ${printable(tenants.query)}\n`;
    case 'pattern':
      return `tenants: the schemas like ${printable(tenants.pattern)}\n`;
    case 'list':
      return `tenants: ${names(tenants.list, 5)}\n`;
    case 'history':
      return 'tenants: the schemas that have a history of sqlmig, as tenant create makes them\n';
  }
}

function tablesText(tables: readonly string[]): string {
  return tables.length <= 3 ? `tables (${names(tables, 3)})` : `${tables.length} tables`;
}
