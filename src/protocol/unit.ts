import { historyKey } from '../project/order.ts';
import type { Script } from '../sql/migration.ts';
import { trySharedKey } from './catalog-key.ts';
import { confinement } from './confinement.ts';
import { recordDuration } from './durations.ts';
import type { Measuring } from './measuring.ts';
import type { MessageText } from './message-text.ts';
import { type Check, holds, refuseIf } from './refusal.ts';
import { markRow, removeRow } from './undo-row.ts';
import { isStale, repeatableApplied, rowsAdded } from './unit-checks.ts';
import type { JoinedUnits, Unit } from './unit-context.ts';
import { type Expected, guards } from './unit-guards.ts';
import {
  keepsKeys,
  lockHistory,
  lockTenant,
  schemaKey,
  takeLocks,
  tryFleetKey,
  trySchemaKey,
} from './unit-locks.ts';
import { insertRow, reportBegun } from './unit-row.ts';
import { begin, commit, performSettings, setFilePath, setOwnPath } from './unit-settings.ts';

/** The state when a unit starts, which decides what it has to check. */
export type Start =
  /** The plan, which may be stale. */
  | { readonly kind: 'planned' }
  /** As planned, but the session keeps the schema's key for the units that follow. */
  | { readonly kind: 'keeping' }
  /** The unit before it in the message, after which another run may have taken a turn; the number of rows by now. */
  | { readonly kind: 'turn'; readonly rows: number }
  /**
   * The session has kept the schema's key since its first unit, so nothing can have changed. Code can release that key:
   * if a unit of the transaction `runsCode`, the transaction takes the key as well.
   */
  | { readonly kind: 'kept'; readonly runsCode: boolean }
  /** The transaction holds the locks: of the unit before it, or those that created the schema. */
  | { readonly kind: 'joined' };

/** Where a transaction of units is in its message. */
export interface Place {
  /** How the first unit begins; those after it are joined. */
  readonly start: Start;
  readonly expected: Expected;
  /** The history rows of all units follow at the end of the transaction. */
  readonly rowsFollow?: boolean;
  /** What the session needs to be set again after a unit that runs code (see `prelude`). */
  readonly settings: string;
  /** The session holds the schema's key beyond the transaction. */
  readonly keepsKey?: boolean;
  /** What measures the files. */
  readonly measuring?: Measuring;
}

/**
 * Adds a transaction of units to a message. `durations` is the SQL that records the durations of applied files, or
 * empty.
 */
export function addTransaction(
  message: MessageText,
  units: JoinedUnits,
  { durations, ...place }: Place & { readonly durations: string },
): void {
  message.add(begin(units.context));
  addSteps(message, units, place);
  const undone = units.scripts.filter(isUndo).map((script) => removeRow({ ...units, script }));
  message.add(...(undone.length > 0 ? undone : [durations]), commit);
}

/** Adds a unit to a message whose one transaction is rolled back. */
export function addRehearsed(
  message: MessageText,
  { script, schema, context }: Unit,
  place: Omit<Place, 'settings'>,
): void {
  addSteps(message, { scripts: [script], schema, context }, { ...place, settings: '' });
  message.add(
    isUndo(script)
      ? removeRow({ script, schema, context })
      : recordDuration(script.migration, schema, context),
  );
}

/**
 * Adds the steps of units that share a transaction to a message, in the order in which the server runs them; the rest of
 * this file, and the unit-*.ts beside it, follow this order.
 */
export function addSteps(
  message: MessageText,
  units: JoinedUnits,
  { start, expected, rowsFollow = false, settings, keepsKey = false, measuring }: Place,
): void {
  const { scripts, schema, context } = units;
  for (const [index, script] of scripts.entries()) {
    const unit = { script, schema, context };
    message.add(lockAndRecord(unit, index === 0 ? start : { kind: 'joined' }, rowsFollow));
    message.add(measuring?.before ?? '', setFilePath(schema, context), measuring?.start ?? '');
    message.addFile(script, measuring?.after);
    message.add(endOfFile);
    message.add(undoLeftovers(script));
    message.add(undoSettings(script));
    message.add(setOwnPath);
    message.add(restoreKeys(unit, keepsKey));
    const isLast = index === scripts.length - 1;
    if (!isLast && runsCode(script)) message.add(settings);
    if (isLast) message.add(guards(units, expected), confinement(context));
    message.add(dropTemporary(script), measuring?.end ?? '');
  }
}

/**
 * Takes the locks, checks what the plan was made from, and writes the history row; that of a migration to be undone is
 * marked, and deleted at the end. Locks come first, so that the checks see everything committed before they were granted.
 * With the schema's key kept there is nothing to check, and the row takes the other locks as it is written, which saves a
 * statement. Otherwise the row's statement makes the checks, where it can: a block costs three times as much.
 * `rowsFollow`: only report that the file begins. The lock on the history, which the row would take, shows whether the
 * transaction is still the same (see `lockEvidence`).
 */
export function lockAndRecord(unit: Unit, start: Start, rowsFollow = false): string {
  const { script, schema, context } = unit;
  const shared = trySharedKey(script, schema);
  const activity = historyKey(script.migration);
  const begins = rowsFollow ? reportBegun : writeRow;
  if (start.kind === 'joined') {
    const checks = rowsFollow ? shared : [...shared, ...repeatableApplied(unit)];
    if (keepsKeys(context)) return begins(unit, checks);
    // The file before it may have undone the settings, which a pooled session does not start with.
    return refuseIf(checks, { before: performSettings(activity, schema, context) }) + begins(unit);
  }
  if (start.kind === 'kept') {
    const own = start.runsCode ? trySchemaKey(schema) : [];
    const tries = [...shared, ...tryFleetKey(schema), ...own, ...repeatableApplied(unit)];
    return writeRow(unit, tries);
  }
  const stale = start.kind === 'turn' ? [rowsAdded(start.rows, schema, context)] : isStale(schema, context);
  const checks = [...stale, ...repeatableApplied(unit)];
  const keeps = start.kind === 'keeping';
  // The row's statement takes its snapshot after the locks are granted.
  if (schema.scope === 'tenant' && keepsKeys(context))
    return (
      lockTenant(schema, { keeps, shared }) +
      (rowsFollow ? lockHistory(schema, context) : '') +
      begins(unit, checks)
    );
  return takeLocks(schema, context, { activity, checks: [...shared, ...checks] }) + writeRow(unit);
}

function isUndo({ migration }: Script): boolean {
  return migration.undoes === true;
}

function writeRow(unit: Unit, checks: readonly Check[] = []): string {
  const condition = checks.length === 0 ? undefined : holds(checks);
  return isUndo(unit.script) ? markRow(unit, condition) : insertRow(unit, 'applied', condition);
}

// A file may end in a comment, or without a semicolon.
const endOfFile = '\n;\n';

/** Whether a script runs code, or statements that outlive it: after any other there is nothing to undo or to check. */
export function runsCode({ statements }: Script): boolean {
  return statements.some(({ reach }) => reach.opaque);
}

/** Resets what a transaction leaves in the session: everything after code, otherwise what the script can leave. */
function undoLeftovers({ statements }: Script): string {
  if (statements.some(({ reach }) => reach.code)) return 'CLOSE ALL;\nUNLISTEN *;\nDEALLOCATE ALL;\n';
  const kinds = new Set(statements.map(({ kind }) => kind));
  return [...kinds].map((kind) => leftovers[kind] ?? '').join('');
}

const leftovers: Readonly<Record<string, string>> = {
  PrepareStmt: 'DEALLOCATE ALL;\n',
  DeclareCursorStmt: 'CLOSE ALL;\n',
  ListenStmt: 'UNLISTEN *;\n',
};

/** Returns to the session's settings and role. Deferred constraints are checked here, where an error still names the file. */
function undoSettings(script: Script): string {
  if (!runsCode(script)) return '';
  return `SET CONSTRAINTS ALL IMMEDIATE;
RESET ALL;
RESET SESSION AUTHORIZATION;
RESET ROLE;
DISCARD SEQUENCES;
`;
}

/**
 * Undoes what code has done to the session's advisory locks. The schema's key is never free meanwhile, since the
 * transaction holds it as well.
 */
function restoreKeys({ script, schema }: Unit, keepsKey: boolean): string {
  if (!runsCode(script)) return '';
  const again = keepsKey ? `, pg_advisory_lock(${schemaKey(schema)})` : '';
  return `select pg_advisory_unlock_all()${again};\n`;
}

function dropTemporary({ statements }: Script): string {
  return statements.some(({ reach }) => reach.temporary) ? 'DISCARD TEMP;\n' : '';
}
