import type { Script, Statement } from '../sql/migration.ts';
import { mayLock } from '../sql/reach.ts';
import { changesSharedRows } from './catalog-key.ts';
import { guardedSchemas } from './guard.ts';
import type { UnitSchema } from './unit-context.ts';

/**
 * How many locks the relations that one transaction makes may need: with several tenants at once, well below the 6,400
 * that a server with default settings has room for.
 */
const mostLocks = 400;

/**
 * Splits the files of a schema into those that may share a transaction, in order (docs/lock-protocol.md, Several files in
 * one transaction). None shares one if `apart`.
 */
export function transactionsOf(
  scripts: readonly Script[],
  schema: UnitSchema,
  apart: boolean,
): readonly (readonly Script[])[] {
  const transactions: Script[][] = [];
  let room = 0;
  for (const script of scripts) {
    const own = apart || needsOwn(script, schema);
    const locks = locksOf(script);
    if (own || locks > room) {
      transactions.push([]);
      room = mostLocks;
    }
    transactions.at(-1)?.push(script);
    room = own || addsEnumValue(script) ? 0 : room - locks;
  }
  return transactions;
}

/**
 * Whether a file needs a transaction of its own. What it locks outside of the tenant, others would wait for until the end
 * of the last file, as would the key of shared catalog rows. A temporary table would hide a table of a later file.
 */
function needsOwn(script: Script, schema: UnitSchema): boolean {
  const { guarded, scope } = schema;
  if (scope === 'public' || guarded === null || script.migration.undoes === true) return true;
  if (script.ownTransaction || script.allowsPublic || changesSharedRows(script, schema)) return true;
  const schemas = new Set(guardedSchemas(schema).keys());
  return script.statements.some(
    (statement) => mayLock(statement.reach, guarded.names, schemas) || makesTemporary(statement),
  );
}

function makesTemporary({ kind, reach }: Statement): boolean {
  return reach.temporary && !reach.code && !rowWriters.has(kind);
}

// Their triggers might, but hardly do.
const rowWriters: ReadonlySet<string> = new Set([
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'TruncateStmt',
]);

/** The new value cannot be used before the transaction is committed (55P04). */
function addsEnumValue({ statements }: Script): boolean {
  return statements.some(({ kind }) => kind === 'AlterEnumStmt');
}

// A table with its TOAST table, their indexes and a sequence; any other statement is about one relation.
function locksOf({ statements }: Script): number {
  return statements.reduce((sum, { kind }) => sum + (kind === 'CreateStmt' ? 5 : 1), 1);
}
