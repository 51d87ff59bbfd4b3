import { type ErrorCode, SqlmigError } from '../errors.ts';
import { historyKey } from '../project/order.ts';
import type { Unit } from '../protocol/unit-context.ts';
import { onlineChangeOf, repeats } from '../sql/online-change.ts';
import { statementAt } from '../sql/parse.ts';
import { locate } from '../sql/position.ts';
import { repairCommandLine, runAgain } from '../text/command-line.ts';

/** One statement of a non-transactional file, in one schema. */
export interface StatementInSchema extends Pick<Unit, 'script' | 'schema'> {
  /** Its number, from 0. */
  readonly k: number;
  /** An earlier attempt started it and did not record its end. */
  readonly begun: boolean;
}

/** The state of a migration that stopped between its first and last statements. */
export const stillIncomplete = 'the migration is marked as incomplete';

/** The state after statement `k` (from 0) did nothing. */
export function keptBefore(k: number): string {
  return k === 0 ? stillIncomplete : `statements before ${k + 1} are kept, and ${stillIncomplete}`;
}

/** The state after statement `k` (from 0) may have committed part of its work. */
export function keptInPart(k: number): string {
  const before = k === 0 ? '' : 'statements before it are kept, ';
  return `statement ${k + 1} may have committed part of its work, ${before}and ${stillIncomplete}`;
}

/** How to continue after a statement failed. `whole`: this attempt at it was rolled back. */
export async function continueHint(at: StatementInSchema, whole: boolean): Promise<string> {
  const { script, k, begun } = at;
  if (whole && !begun)
    return `${runAgain(script.migration)} once it can succeed: it continues with statement ${k + 1}; if it never can, do the rest by hand, then run: ${settle(at, ...asDone(at))}`;
  const statement = (await statementAt(script, k))?.statement;
  const isKnown = statement === undefined || onlineChangeOf(statement) !== null || repeats(statement);
  if (isKnown || whole) return resumeHint(at);
  const last = k + 1 === script.statements.length;
  const skip = last ? asDone(at).join(' ') : `--from-statement ${k + 2}`;
  return `check what it left behind, then run: ${settle(at, '--from-statement', `${k + 1}`)} (runs it again) or ${skip} (skips it)`;
}

/** The error for a statement that released sqlmig's locks. */
export function releasedLocks(at: StatementInSchema): SqlmigError {
  return errorAt(at, 'lock-released', {
    message: 'the statement released the advisory locks that sqlmig holds while a file runs',
    state: `statements up to ${at.k + 1} are kept, and ${stillIncomplete}`,
    hint: `release only your own locks (pg_advisory_unlock); continue with: ${settle(at, '--from-statement', `${at.k + 2}`)}`,
  });
}

/** The error for a statement that succeeded but left an invalid index, or no index: `what`. */
export function invalidIndexLeft(at: StatementInSchema, what: string): SqlmigError {
  return errorAt(at, 'invalid-index', {
    message: `${historyKey(at.script.migration)} left ${what}`,
    state: `${stillIncomplete}, not as applied`,
    hint: resumeHint(at),
  });
}

/** The error for another relation that has the name of an index to be created. */
export function indexDiffers(
  at: StatementInSchema,
  { name, what }: { readonly name: string; readonly what: string },
  state: string,
): SqlmigError {
  const then = at.begun ? `continue with: ${settle(at, '--resume')}` : runAgain(at.script.migration);
  return errorAt(at, 'index-differs', {
    message: `${name} already exists and ${what}`,
    state,
    hint: `drop or rename the existing one, and ${then}`,
  });
}

function errorAt(
  { script: { migration, statements }, schema, k }: StatementInSchema,
  code: ErrorCode,
  { message, ...more }: { readonly message: string; readonly state: string; readonly hint: string },
): SqlmigError {
  return new SqlmigError(code, message, {
    schema: schema.schema,
    location: locate(migration.file, migration.text, statements[k]?.start ?? 0),
    statement: k + 1,
    statements: statements.length,
    ...more,
  });
}

/** The flags that count all statements as done. For a down file, `--mark-applied` would mean the opposite. */
function asDone({ script: { migration, statements } }: StatementInSchema): string[] {
  return migration.undoes ? ['--from-statement', `${statements.length + 1}`] : ['--mark-applied'];
}

function resumeHint(at: StatementInSchema): string {
  return `settle it with: ${settle(at, '--resume')}`;
}

function settle(
  { script: { migration }, schema: { schema } }: Pick<StatementInSchema, 'script' | 'schema'>,
  ...flags: string[]
): string {
  return repairCommandLine(schema, migration, ...flags);
}
