import { withoutComments } from '../sql/comments.ts';
import type { Migration, Script, Statement } from '../sql/migration.ts';
import { addsValue, mayLock } from '../sql/reach.ts';
import { changesSharedRows } from './catalog-key.ts';
import { guardedSchemas, scrutinyOf } from './guard.ts';
import { runsCode } from './unit.ts';
import type { Unit, UnitContext, UnitSchema } from './unit-context.ts';

/**
 * How many locks the relations that one transaction makes may need: with eight tenants at once, well below the 6,400 that
 * a server with default settings has room for.
 */
const mostLocks = 400;

/**
 * Splits the files of a schema into those that may share a transaction, in order (docs/lock-protocol.md, Several files in
 * one transaction). None shares one if `apart`.
 */
export function transactionsOf(
  scripts: readonly Script[],
  { schema, context }: Omit<Unit, 'script'>,
  apart = false,
): readonly (readonly Script[])[] {
  const transactions: Script[][] = [];
  // A tenant of a kind has tables of all tenants.
  const isInUse = schema.isInUse || context.table !== context.historyTables[0];
  const mayNotice = isInUse || context.mayNotice;
  let open = begun(0);
  for (const script of scripts) {
    const [removes, isGuarded] = [removesSomething(script), scrutinyOf([script], schema) === 'all'];
    const own = apart || context.transactionPerFile || needsOwn(script, schema);
    const locks = locksOf(script);
    // After code, constraints are immediate until the commit, which a file that writes rows would notice.
    const isLate = mayNotice && open.hasRunCode && mayWriteRows(script);
    // What is gone looks in the locks like something outside of the tenant.
    const isSuspicious = (open.removes || removes) && (open.isGuarded || isGuarded);
    if (own || locks > open.room || isLate || isSuspicious || mayUse(script, open.added)) {
      transactions.push([]);
      open = begun(mostLocks);
    }
    transactions.at(-1)?.push(script);
    open.hasRunCode ||= runsCode(script);
    open.removes ||= removes;
    open.isGuarded ||= isGuarded;
    open.added.push(...valuesAddedBy(script));
    for (const { reach } of script.statements) if (reach.creates !== null) open.made.add(reach.creates);
    const locksOut = schema.guarded?.mayBeCalled === true && mayWriteRows(script);
    const isLast = own || locksOut || (isInUse && locksExisting(script, open.made));
    open.room = isLast ? 0 : open.room - locks;
  }
  return transactions;
}

/** What the files of a transaction have done so far; nothing yet. */
function begun(room: number) {
  return {
    /** How many more locks may be taken. */
    room,
    hasRunCode: false,
    removes: false,
    /** What they did outside of the tenant will be checked by the locks they took. */
    isGuarded: false,
    /** Values of enums. */
    added: [] as string[],
    /** The names of tables. */
    made: new Set<string>(),
  };
}

/** Whether a file drops something, or moves it to another schema. */
function removesSomething({ statements }: Script): boolean {
  return statements.some(({ reach }) => reach.drops || reach.moves);
}

/**
 * Whether the files that build a schema can all run in one transaction with the same result. They may belong to
 * several scopes, so `context` does not include all of them. After the first file that writes rows or runs code,
 * constraints are immediate, which would affect deferred constraints of later files.
 */
export function canShareOne(scripts: readonly Script[], context: UnitContext): boolean {
  const leaves = scripts.some(({ statements }) => statements.some(({ kind }) => leavesState.has(kind)));
  const mayNotice = context.mayNotice || mayNoticeOthers(scripts.map(({ migration }) => migration));
  return !leaves && !(mayNotice && scripts.filter(mayWriteRows).length > 1);
}

/**
 * Splits the files that build a schema into those after which one guard is enough. What a file was allowed to do in public,
 * and temporary tables that are gone, look suspicious in the locks of all that follows, so what comes before is guarded
 * first.
 */
export function guardedTogether(scripts: readonly Script[]): (readonly Script[])[] {
  const spoils = scripts.findIndex(
    ({ allowsPublic, statements }) => allowsPublic || statements.some(makesTemporary),
  );
  const end = scripts[spoils]?.allowsPublic === false ? spoils + 1 : spoils;
  return [scripts.slice(0, Math.max(end, 0)), scripts.slice(Math.max(end, 0))].filter(
    ({ length }) => length > 0,
  );
}

/**
 * Whether a file needs a transaction of its own: public files and down files, those that ask for one, those whose locks
 * outside of the tenant would be held until the end of the last file, and those that leave something in their transaction
 * that cannot be undone before its end.
 */
function needsOwn(script: Script, schema: UnitSchema): boolean {
  const { guarded, scope } = schema;
  if (scope === 'public' || guarded === null || script.migration.undoes === true) return true;
  if (script.ownTransaction || script.allowsPublic || changesSharedRows(script, schema)) return true;
  const schemas = new Set(guardedSchemas(schema).keys());
  return script.statements.some(
    (statement) =>
      mayLock(statement.reach, guarded.names, schemas) ||
      // The key may be one to a table of public, which is locked as well.
      (statement.reach.drops && (schema.isInUse || guarded.mayBeTied)) ||
      leavesState.has(statement.kind) ||
      takesAdvisoryLock(statement) ||
      makesTemporary(statement),
  );
}

/**
 * Whether files, or what they create, may behave differently if others share their transaction, judging by their text: it
 * mentions deferred constraints, transaction numbers, or cursors, which a function can leave open.
 */
export function mayNoticeOthers(files: readonly Pick<Migration, 'text'>[]): boolean {
  return files.some(
    ({ text }) => transactionWords.test(text) && transactionWords.test(withoutComments(text).text),
  );
}

const transactionWords =
  /\b(?:deferred|like\s[^,;()]*?\sincluding|[cx]m(?:in|ax)|txid_\w+|pg_\w*(?:xact|snapshot)\w*|versioning|\w*cursor\w*)\b/i;

function mayWriteRows({ statements }: Script): boolean {
  return statements.some(writesRows);
}

function writesRows({ kind, reach }: Statement): boolean {
  return reach.code || rowWriters.has(kind);
}

// Savepoints, and the mode of constraints.
const leavesState: ReadonlySet<string> = new Set(['TransactionStmt', 'ConstraintsSetStmt']);

function takesAdvisoryLock({ reach }: Statement): boolean {
  return [...reach.words].some((word) => /^pg_(?:try_)?advisory_xact_lock/.test(word));
}

// Once it is dropped, the lock on it looks like one on something outside of the tenant.
function makesTemporary(statement: Statement): boolean {
  return statement.reach.temporary && !writesRows(statement);
}

// Their triggers might, but hardly do.
const rowWriters: ReadonlySet<string> = new Set([
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'TruncateStmt',
]);

/** The enum values that statements add, and the values that they name as neighbors; `anyValue` for code. */
function valuesAddedBy({ statements }: Script): string[] {
  return statements
    .filter(addsValue)
    .flatMap(({ kind, reach: { names, targets } }) =>
      kind === 'AlterEnumStmt'
        ? [...names].filter((name) => targets.every((target) => ![target.name, target.schema].includes(name)))
        : [anyValue],
    );
}

// Every text contains it.
const anyValue = '';

/**
 * Whether a file may use values of an enum that it or its transaction adds. Before they are committed it cannot (55P04),
 * unless the transaction has created the type as well. ALTER TABLE may cast rows to the type.
 */
function mayUse(script: Script, added: readonly string[]): boolean {
  const values = [...added, ...valuesAddedBy(script)];
  if (values.length === 0) return false;
  return script.statements.some(({ kind, start, end, reach }) => {
    const text = script.text.slice(start, end);
    return (
      kind !== 'AlterEnumStmt' &&
      (reach.opaque ||
        kind === 'AlterTableStmt' ||
        values.some((value) => text.includes(value.replaceAll("'", "''"))))
    );
  });
}

/** Whether a file may lock, against writes at least, a relation that its transaction has not made. */
function locksExisting({ statements }: Script, made: ReadonlySet<string>): boolean {
  return statements.some((statement) => {
    const { targets, references } = statement.reach;
    if (writesRows(statement) || !locksOnlyTargets.has(statement.kind)) return true;
    return [...targets.map(({ name }) => name), ...references].some((name) => !made.has(name));
  });
}

// Statements that lock nothing but `targets` and `references` in a mode that other sessions notice.
const locksOnlyTargets: ReadonlySet<string> = new Set([
  ...['CreateStmt', 'IndexStmt', 'AlterTableStmt', 'CreateTrigStmt', 'CreateSeqStmt', 'ViewStmt'],
  ...['CreateEnumStmt', 'CompositeTypeStmt', 'CreateDomainStmt', 'CreateFunctionStmt', 'CommentStmt'],
]);

// A table with its TOAST table, their indexes and a sequence; any other statement is about one relation.
function locksOf({ statements }: Script): number {
  const locks = ({ kind, reach }: Statement) => {
    if (kind === 'DropStmt') return reach.targets.length * 5;
    return kind === 'CreateStmt' ? 5 : 1;
  };
  return statements.reduce((sum, statement) => sum + locks(statement), 1);
}
