import { type ParsedStatement, tokensOf } from './parse.ts';
import type { Range } from './ranges.ts';

/** `stdin` or `stdout` for a COPY from or to the client, which a migration does not have. */
export function copiesWithClient(statement: ParsedStatement): 'stdin' | 'stdout' | null {
  const { is_from, filename, is_program } = statement.fields;
  if (statement.kind !== 'CopyStmt' || filename !== undefined || is_program === true) return null;
  return is_from === true ? 'stdin' : 'stdout';
}

/**
 * What in a statement PostgreSQL refuses inside a transaction block, in words; `null` if it may run in one.
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
    default:
      return alwaysOutside[kind] ?? null;
  }
}

/** The word CONCURRENTLY in the text of a statement; `null` if it has none. */
export async function concurrentlyIn(text: string, { start, end }: Range): Promise<Range | null> {
  const tokens = await tokensOf(text.slice(start, end));
  const word = tokens.find((token) => token.text.toLowerCase() === 'concurrently');
  return word === undefined ? null : { start: start + word.index, end: start + word.end };
}

/** True for DISCARD ALL, which would drop the locks that sqlmig holds while a file runs. */
export function discardsAll({ kind, fields }: ParsedStatement): boolean {
  return kind === 'DiscardStmt' && fields.target === 'DISCARD_ALL';
}

/**
 * True if a statement that runs outside a transaction may commit more than once, so that part of its work is kept
 * when it fails: it commits by its own code, or works through several relations or phases.
 */
export function commitsInParts(statement: ParsedStatement): boolean {
  const { kind, fields } = statement;
  switch (kind) {
    case 'CallStmt':
      return true;
    case 'DoStmt':
      return blockMayCommit(fields.args);
    case 'VacuumStmt':
    case 'ClusterStmt':
    case 'ReindexStmt':
      return true;
    default:
      return nonTransactionalReason(statement)?.endsWith('CONCURRENTLY') === true;
  }
}

/** In PL/pgSQL only COMMIT does it, and CALL or DO of a block that does; other languages have words of their own. */
function blockMayCommit(args: unknown): boolean {
  const options = (Array.isArray(args) ? args : []) as { DefElem?: { defname?: string; arg?: StringNode } }[];
  const option = (name: string) =>
    options.find(({ DefElem }) => DefElem?.defname === name)?.DefElem?.arg?.String?.sval;
  return (option('language') ?? 'plpgsql') !== 'plpgsql' || /\b(commit|call|do)\b/i.test(option('as') ?? '');
}

interface StringNode {
  readonly String?: { readonly sval?: string };
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
