import type { Mistake } from './mistake.ts';
import type { ParsedStatement } from './parse.ts';

/** What a file says about transactions. */
interface TransactionBlocks {
  /** BEGIN and COMMIT of its pairs, which mean nothing in a file that is atomic as a whole. */
  readonly pairs: readonly ParsedStatement[];
  readonly mistakes: readonly Mistake[];
}

/**
 * Finds consecutive pairs of plain BEGIN and COMMIT, and all other transaction control, which is a mistake, except
 * savepoints. `nonTransactional` is the reason why each statement of the file runs alone: then neither pairs nor
 * savepoints have an effect.
 */
export function transactionBlocks(
  statements: readonly ParsedStatement[],
  nonTransactional: string | null,
): TransactionBlocks {
  const pairs: ParsedStatement[] = [];
  const mistakes: Mistake[] = [];
  const mistake = (at: ParsedStatement, message: string, hint: string) =>
    mistakes.push([at.start, 'transaction-control', message, hint]);
  let open: ParsedStatement | null = null;
  for (const statement of statements) {
    if (setsModes(statement)) {
      if (nonTransactional === null)
        mistake(statement, 'a migration must not set the modes of its transaction', setModesHint);
      else
        mistake(
          statement,
          `SET TRANSACTION has no effect here, since ${alone(nonTransactional)}`,
          'remove it',
        );
    }
    const control = controlOf(statement);
    if (control === null) continue;
    if (control === 'savepoint') {
      if (nonTransactional !== null)
        mistake(statement, `a savepoint needs a transaction, and ${alone(nonTransactional)}`, splitHint);
    } else if (control === 'begin' || control === 'modes') {
      if (control === 'modes')
        mistake(statement, 'a migration must not set the modes of its transaction', modesHint);
      else if (open !== null) mistake(statement, 'BEGIN inside BEGIN and COMMIT', nestedHint);
      else if (nonTransactional !== null)
        mistake(statement, `BEGIN has no effect here, since ${alone(nonTransactional)}`, splitHint);
      open ??= statement;
    } else if (control === 'commit') {
      if (open === null) mistake(statement, 'COMMIT without BEGIN', removeHint);
      else pairs.push(open, statement);
      open = null;
    } else {
      mistake(statement, `a migration must not ${control}`, removeHint);
      open = null;
    }
  }
  if (open !== null) mistake(open, 'BEGIN without COMMIT', unclosedHint);
  return { pairs, mistakes };
}

const removeHint = 'remove it: sqlmig runs each file in a transaction; savepoints are allowed';
const modesHint = 'write BEGIN alone, or remove it: sqlmig runs each file in a transaction';
const setModesHint =
  'remove it: sqlmig has begun the transaction, with READ COMMITTED; to keep other sessions from writing, use LOCK TABLE';
const nestedHint = 'end the first pair with COMMIT, or use SAVEPOINT';
const unclosedHint = 'add the COMMIT, or remove BEGIN: sqlmig runs each file in a transaction';
const splitHint = 'remove it, or move what belongs together into a file of its own';

function alone(reason: string): string {
  return `the statements of this file run one by one (${reason})`;
}

/**
 * The kind of a transaction control statement: `begin`, `modes`, `commit`, `savepoint`, or its effect in words;
 * `null` for any other statement.
 */
export function controlOf({ kind, fields }: ParsedStatement): string | null {
  if (kind !== 'TransactionStmt') return null;
  const { kind: control, options, chain } = fields;
  switch (control) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      return options === undefined ? 'begin' : 'modes';
    case 'TRANS_STMT_COMMIT':
      return chain === true ? 'chain transactions' : 'commit';
    case 'TRANS_STMT_SAVEPOINT':
    case 'TRANS_STMT_RELEASE':
    case 'TRANS_STMT_ROLLBACK_TO':
      return 'savepoint';
    case 'TRANS_STMT_ROLLBACK':
      return 'roll back its transaction';
    default:
      return 'prepare a transaction, or end a prepared one';
  }
}

/**
 * True for SET TRANSACTION, or SET of its variables. PostgreSQL refuses most modes once the transaction has run a query,
 * which the checks of sqlmig are. Modes that change nothing are allowed.
 */
function setsModes({ kind, fields }: ParsedStatement): boolean {
  const { name, args } = fields;
  if (kind !== 'VariableSetStmt' || !Array.isArray(args)) return false;
  if (name === 'TRANSACTION SNAPSHOT') return true;
  const values = args as readonly ModeValue[];
  if (name === 'TRANSACTION') return values.some(({ DefElem }) => !isUsual(DefElem?.defname, DefElem?.arg));
  return /^transaction_(?:isolation|read_only|deferrable)$/.test(String(name)) && !isUsual(name, values[0]);
}

interface Constant {
  readonly A_Const?: {
    readonly sval?: { readonly sval?: string };
    readonly ival?: { readonly ival?: number };
  };
}

interface ModeValue extends Constant {
  readonly DefElem?: { readonly defname?: string; readonly arg?: Constant };
}

/** Whether a mode has the value that it has in the transaction of a file. */
function isUsual(mode: unknown, value: Constant | undefined): boolean {
  const { sval, ival } = value?.A_Const ?? {};
  const text = (sval?.sval ?? String(ival?.ival ?? 0)).toLowerCase();
  return mode === 'transaction_isolation'
    ? text === 'read committed'
    : mode === 'transaction_read_only' && ['0', 'off', 'false', 'no'].includes(text);
}
