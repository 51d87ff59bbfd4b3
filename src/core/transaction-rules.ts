import type { ParsedStatement } from './parse.ts';

/** `begin`, `commit` or another piece of transaction control; `null` for anything else. */
export function transactionControl(statement: ParsedStatement): 'begin' | 'commit' | 'other' | null {
  if (statement.kind !== 'TransactionStmt') return null;
  const { kind, options, chain } = statement.fields;
  if (kind === 'TRANS_STMT_BEGIN' || kind === 'TRANS_STMT_START')
    return options === undefined ? 'begin' : 'other';
  return kind === 'TRANS_STMT_COMMIT' && chain !== true ? 'commit' : 'other';
}

/** `stdin` or `stdout` where a COPY talks to the client, which a migration has not. */
export function copiesWithClient(statement: ParsedStatement): 'stdin' | 'stdout' | null {
  const { is_from, filename, is_program } = statement.fields;
  if (statement.kind !== 'CopyStmt' || filename !== undefined || is_program === true) return null;
  return is_from === true ? 'stdin' : 'stdout';
}

/**
 * What in a statement PostgreSQL refuses inside a transaction block, in words; `null` where it may run in one.
 * Source: the callers of PreventInTransactionBlock (tcop/utility.c and commands/).
 */
export function nonTransactionalReason({ kind, fields }: ParsedStatement): string | null {
  switch (kind) {
    case 'IndexStmt':
      return fields.concurrent === true ? 'CREATE INDEX CONCURRENTLY' : null;
    case 'DropStmt':
      return fields.concurrent === true ? 'DROP INDEX CONCURRENTLY' : null;
    case 'ReindexStmt':
      return reindexReason(fields);
    case 'VacuumStmt':
      return fields.is_vacuumcmd === true ? 'VACUUM' : null;
    case 'ClusterStmt':
      return fields.relation === undefined ? 'CLUSTER without a table' : null;
    case 'AlterTableStmt':
      return JSON.stringify(fields.cmds ?? []).includes('"concurrent":true')
        ? 'DETACH PARTITION CONCURRENTLY'
        : null;
    case 'AlterDatabaseStmt':
      return optionNames(fields.options).includes('tablespace') ? 'ALTER DATABASE SET TABLESPACE' : null;
    case 'CreateSubscriptionStmt':
    case 'AlterSubscriptionStmt':
    case 'DropSubscriptionStmt':
      return 'a subscription command';
    case 'DiscardStmt':
      return fields.target === 'DISCARD_ALL' ? 'DISCARD ALL' : null;
    default:
      return alwaysOutside[kind] ?? null;
  }
}

const alwaysOutside: Readonly<Record<string, string>> = {
  CreatedbStmt: 'CREATE DATABASE',
  DropdbStmt: 'DROP DATABASE',
  CreateTableSpaceStmt: 'CREATE TABLESPACE',
  DropTableSpaceStmt: 'DROP TABLESPACE',
  AlterSystemStmt: 'ALTER SYSTEM',
};

function reindexReason(fields: ParsedStatement['fields']): string | null {
  if (optionNames(fields.params).includes('concurrently')) return 'REINDEX CONCURRENTLY';
  const whole = ['REINDEX_OBJECT_SCHEMA', 'REINDEX_OBJECT_SYSTEM', 'REINDEX_OBJECT_DATABASE'];
  return whole.includes(String(fields.kind)) ? 'REINDEX of more than a table' : null;
}

function optionNames(options: unknown): string[] {
  if (!Array.isArray(options)) return [];
  return options.map((option: { DefElem?: { defname?: string } }) => option.DefElem?.defname ?? '');
}
