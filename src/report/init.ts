import type { DatabaseFacts, Proposal, TenantChoice } from '../project/proposal.ts';
import { count, names, printable } from './table.ts';

/** What `init` found in a database, one line each. */
export function foundText(database: string, facts: DatabaseFacts, proposal: Proposal): string {
  const { alike, similar, column, odd, historyTable } = proposal;
  const lines = [
    alike &&
      `${count(alike.schemas.length, 'schema')} with the same ${tablesText(alike.tables)}: ${names(alike.schemas, 3)}`,
    similar.length > 0 &&
      `${count(similar.length, 'schema')} with the same history and similar tables: ${names(similar, 3)}`,
    column &&
      `tenant names in ${column.table}.${column.column}: ${column.schemas.length} of its ${count(column.values, 'value')} are schemas`,
    column &&
      column.values > column.schemas.length &&
      `${count(column.values - column.schemas.length, 'value')} of ${column.table}.${column.column} without a schema, which sqlmig up --all would create`,
    odd.length > 0 && `${count(odd.length, 'schema')} with a similar name but other tables: ${names(odd, 3)}`,
    ...facts.histories.map(
      ({ tool, table, schemas }) => `the history of ${tool}, ${table}, in ${names(schemas, 3)}`,
    ),
    facts.own.length > 0 && `a sqlmig history in ${names(facts.own, 3)}`,
    historyTable !== null && `a table of that name, so the config calls the history table ${historyTable}`,
  ].filter((line) => typeof line === 'string');
  const where = `inspected the database ${printable(database)}`;
  if (lines.length === 0) return `${where}: nothing in it identifies tenants\n`;
  return `${where} and found:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** The tenant source of a new project in words. */
export function sourceText(tenants: TenantChoice): string {
  switch (tenants.kind) {
    case 'query':
      return `tenants: ${printable(tenants.query)}\n`;
    case 'pattern':
      return `tenants: schemas whose names match ${printable(tenants.pattern)}\n`;
    case 'list':
      return `tenants: ${names(tenants.list, 5)}\n`;
    case 'history':
      return 'tenants: schemas with a sqlmig history (create them with sqlmig tenant create)\n';
  }
}

function tablesText(tables: readonly string[]): string {
  return tables.length <= 3 ? `tables (${names(tables, 3)})` : `${tables.length} tables`;
}
