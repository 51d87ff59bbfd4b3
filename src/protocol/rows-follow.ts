import type { Script } from '../sql/migration.ts';
import { createdRow, insertTimedRows } from './created-rows.ts';
import { mayReadHistory } from './history-readers.ts';
import { createMessage, type Message } from './message-text.ts';
import { addSteps, runsCode } from './unit.ts';
import type { JoinedUnits, UnitContext, UnitSchema } from './unit-context.ts';
import { keepsKeys } from './unit-locks.ts';
import { begin, commit, limitIdle } from './unit-settings.ts';

/** The units of a schema, and where their texts are. */
export interface UnitsMessage extends Message {
  /**
   * SQL to send next, with the times at which the files began, in the transaction that the message leaves open: it
   * records them and commits. `null` if the message does so itself.
   */
  readonly record: ((begunAt: readonly string[]) => string) | null;
}

// Below that, another message costs more than a statement for each row.
const fewestFiles = 10;

/**
 * Whether the history rows of files that share a transaction may follow them (docs/lock-protocol.md, One statement for all
 * rows).
 */
export function rowsMayFollow(
  { scope, isInUse, isCurrent, mayDiscardRows }: UnitSchema,
  scripts: readonly Script[],
  context: UnitContext,
): boolean {
  // A kind has tables that the files of all tenants have created.
  const isNew = scope === 'tenant' && !isInUse && context.table === context.historyTables[0];
  const isPlain = isCurrent && !mayDiscardRows && keepsKeys(context);
  return isNew && isPlain && scripts.length >= fewestFiles && !mayReadHistory(scripts, context);
}

/** Such files, in a transaction that stays open. `trusted`: see `Expected`; `settings`: see `Place`. */
export function composeTogether(
  units: JoinedUnits,
  { trusted, settings }: { readonly trusted: ReadonlySet<Script>; readonly settings: string },
): UnitsMessage {
  const { scripts, schema, context } = units;
  const message = createMessage();
  message.add(settings, begin(context));
  addSteps(message, units, {
    start: { kind: 'planned' },
    expected: {
      rows: schema.history.length,
      written: 0,
      trusted: scripts.every((script) => trusted.has(script)),
    },
    rowsFollow: true,
    settings,
  });
  const last = scripts.at(-1);
  if (last !== undefined && runsCode(last)) message.add(settings);
  message.add(limitIdle);
  return {
    ...message.done([scripts.length]),
    record: (begunAt) => insertTimedRows(scripts.map(createdRow), begunAt, { schema, context }) + commit,
  };
}
