import { type ErrorCode, SqlmigError } from '../errors.ts';
import { historyKey } from '../project/order.ts';
import type { UnitSchema } from '../protocol/unit-context.ts';
import type { Script } from '../sql/migration.ts';
import { onlineChangeOf, repeats } from '../sql/online-change.ts';
import { statementAt } from '../sql/parse.ts';
import { locate } from '../sql/position.ts';
import { repairCommandLine } from '../text/command-line.ts';

/** A non-transactional script, and the schema it runs in. */
export interface NonTransactionalUnit {
  readonly script: Script;
  readonly schema: UnitSchema;
}

/** What a script that stops is from then on, in words. */
export const stillIncomplete = `it is marked as incomplete`;

/** The state after statement `k` (from 0) did nothing. */
export function keptBefore(k: number): string {
  return k === 0 ? stillIncomplete : `statements before ${k + 1} stay, and ${stillIncomplete}`;
}

/** The state after statement `k` (from 0) may have done part of its work. */
export function keptInPart(k: number): string {
  const before = k === 0 ? '' : 'statements before it stay, ';
  return `statement ${k + 1} may have committed part of its work, ${before}and ${stillIncomplete}`;
}

/** How to go on after statement `k` (from 0) failed. `whole`: this time it did nothing; `nothing`: it never did. */
export async function wayOn(
  unit: NonTransactionalUnit,
  k: number,
  { whole, nothing }: { readonly whole: boolean; readonly nothing: boolean },
): Promise<string> {
  if (nothing)
    return `run sqlmig up again once it can succeed: it goes on with statement ${k + 1}; if it never can, do the rest by hand, then: ${settle(unit, '--mark-applied')}`;
  const statement = (await statementAt(unit.script, k))?.statement;
  const isKnown = statement === undefined || onlineChangeOf(statement) !== null || repeats(statement);
  if (isKnown || whole) return resumeHint(unit);
  const last = k + 1 === unit.script.statements.length;
  const after = last ? '--mark-applied' : `--from-statement ${k + 2}`;
  return `see what it left, then: ${settle(unit, '--from-statement', `${k + 1}`)} (runs it again) or ${after} (leaves it as it is)`;
}

/** The error for a statement that took sqlmig's locks away. */
export function releasedLocks(unit: NonTransactionalUnit, k: number): SqlmigError {
  const message = 'the statement released the advisory locks that sqlmig holds while a file runs';
  return at(unit, k, 'lock-released', message, {
    state: `statements up to ${k + 1} stay, and ${stillIncomplete}`,
    hint: `release only locks of your own (pg_advisory_unlock); go on with: ${settle(unit, '--from-statement', `${k + 2}`)}`,
  });
}

/** The error for a statement that succeeded and left an invalid index, or none: `what` says it. */
export function leftUnsound(unit: NonTransactionalUnit, k: number, what: string): SqlmigError {
  return at(unit, k, 'invalid-index', `${historyKey(unit.script.migration)} left ${what}`, {
    state: `${stillIncomplete}, not as applied`,
    hint: resumeHint(unit),
  });
}

/** The error for something else that has the name of an index to be made. */
export function indexDiffers(
  unit: NonTransactionalUnit,
  k: number,
  { name, what }: { readonly name: string; readonly what: string },
  { state, begun }: { readonly state: string; readonly begun: boolean },
): SqlmigError {
  const again = begun ? `go on with: ${settle(unit, '--resume')}` : 'run sqlmig up again';
  return at(unit, k, 'index-differs', `${name} is there already and ${what}`, {
    state,
    hint: `drop or rename what is there, and ${again}`,
  });
}

function at(
  { script: { migration, statements }, schema }: NonTransactionalUnit,
  k: number,
  code: ErrorCode,
  message: string,
  more: { readonly state: string; readonly hint: string },
): SqlmigError {
  return new SqlmigError(code, message, {
    schema: schema.schema,
    location: locate(migration.file, migration.text, statements[k]?.start ?? 0),
    statement: k + 1,
    statements: statements.length,
    ...more,
  });
}

function resumeHint(unit: NonTransactionalUnit): string {
  return `settle it with: ${settle(unit, '--resume')}`;
}

function settle(
  { script: { migration }, schema: { schema } }: NonTransactionalUnit,
  ...flags: string[]
): string {
  return repairCommandLine(schema, migration, ...flags);
}
