import { unitStates } from '../errors.ts';
import { upgradeHistory } from '../history/history.ts';
import { historyKey } from '../project/order.ts';
import { sentText } from '../sql/filling.ts';
import type { Script } from '../sql/migration.ts';
import { doBlock } from '../sql/quote.ts';
import { isOneOf, structureAsJson } from '../structure/structure.ts';
import { createMissing } from './bootstrap.ts';
import { recordDuration, recordDurations } from './durations.ts';
import { lockedElsewhere } from './evidence.ts';
import { blockingModeList, measuringOf } from './measuring.ts';
import { createMessage, type Message, type MessageText } from './message-text.ts';
import { raise } from './refusal.ts';
import { composeTogether, rowsMayFollow, type UnitsMessage } from './rows-follow.ts';
import { transactionsOf } from './transactions.ts';
import { addRehearsed, addTransaction, lockAndRecord, runsCode, type Start } from './unit.ts';
import type { Unit, UnitContext, UnitSchema } from './unit-context.ts';
import { keepFleetKey, keepsKeys, release, takeLocks } from './unit-locks.ts';
import { begin, prelude, setFilePath } from './unit-settings.ts';

/** The files to apply to a schema, in order. */
export interface SchemaFiles {
  readonly schema: UnitSchema;
  readonly scripts: readonly Script[];
}

/** The files of a message, and how to send them. */
interface SentFiles extends SchemaFiles {
  /** Each in a transaction of its own. */
  readonly apart?: boolean;
  /** Those that have been checked already (see `Expected`). */
  readonly trusted?: ReadonlySet<Script>;
}

/**
 * The units of a schema in one message, in as few transactions as possible (docs/lock-protocol.md, One message). The
 * server stops at the first error, and what was committed before stays. The last transaction, or `record`, reports how
 * long each unit took (`durationOf`). If the rows of the first transaction may follow it, the message has no other one.
 */
export function composeUnits(
  { schema, scripts, apart = false, trusted = new Set() }: SentFiles,
  context: UnitContext,
): UnitsMessage {
  const transactions = transactionsOf(scripts, { schema, context }, apart);
  const [together = []] = transactions;
  if (rowsMayFollow(schema, together, context)) {
    const settings = prelude(activityOf(together), context);
    return composeTogether({ scripts: together, schema, context }, { settings, trusted });
  }
  const message = createMessage();
  const settings = prelude(activityOf(scripts), context);
  // Public lets tenants in between two of its units.
  const keeps = keepsKeys(context) && schema.scope === 'tenant' && transactions.length > 1;
  const counts = rowCounts(schema, scripts);
  message.add(settings);
  if (!schema.isCurrent) message.add(composeUpgrade(schema, context));
  let done = 0;
  for (const joined of transactions) {
    const first = done;
    done += joined.length;
    const isLast = done === scripts.length;
    addTransaction(
      message,
      { scripts: joined, schema, context },
      {
        start: startOf(joined, { rows: counts[first]?.before ?? 0, isFirst: first === 0, keeps }),
        expected: {
          rows: counts[done - 1]?.during ?? 0,
          trusted: joined.every((script) => trusted.has(script)),
        },
        settings,
        keepsKey: keeps && !isLast,
        durations: isLast ? recordAll(scripts, schema, context) : '',
      },
    );
    const last = joined.at(-1);
    if (last !== undefined && runsCode(last)) message.add(settings);
  }
  if (keeps) message.add(release);
  return { ...message.done(transactions.map(({ length }) => length)), record: null };
}

/**
 * The units of several schemas, one each, in one message and each in its own transaction. Where the session can keep the
 * fleet key from the first to the last, only the first has to check that public is as the plan needs it: that costs as
 * much as a tenth of a small file. After an error the caller has to `release` it.
 */
export function composeBatch(units: readonly Omit<Unit, 'context'>[], context: UnitContext): string {
  // Code can release every key of its session.
  const keeps = keepsKeys(context) && units.length > 1 && !units.some(({ script }) => runsCode(script));
  const texts = units.map(({ schema, script }, i) => {
    const checked = keeps && i > 0 ? { ...schema, requires: null } : schema;
    return composeUnits({ schema: checked, scripts: [script] }, context).text;
  });
  return keeps ? [`${begin(context)}${keepFleetKey}COMMIT;\n`, ...texts, release].join('') : texts.join('');
}

function activityOf(scripts: readonly Script[]): string {
  const [first, last] = [scripts.at(0), scripts.at(-1)].map(
    (script) => script && historyKey(script.migration),
  );
  return first === last ? `${first}` : `${first}..${last}`;
}

/** The number of rows in a history before each script, and by the time its file is done. */
function rowCounts({ history }: UnitSchema, scripts: readonly Script[]): RowCount[] {
  const keys = new Set(history.map(historyKey));
  return scripts.map(({ migration }) => {
    const before = keys.size;
    const during = keys.add(historyKey(migration)).size;
    // The row of a migration that is undone is deleted only then.
    if (migration.undoes) keys.delete(historyKey(migration));
    return { before, during };
  });
}

interface RowCount {
  readonly before: number;
  readonly during: number;
}

function startOf(
  scripts: readonly Script[],
  { rows, isFirst, keeps }: { readonly rows: number; readonly isFirst: boolean; readonly keeps: boolean },
): Start {
  if (isFirst) return { kind: keeps ? 'keeping' : 'planned' };
  return keeps ? { kind: 'kept', runsCode: scripts.some(runsCode) } : { kind: 'turn', rows };
}

function recordAll(scripts: readonly Script[], schema: UnitSchema, context: UnitContext): string {
  const [first] = scripts;
  return first !== undefined && scripts.length === 1
    ? recordDuration(first.migration, schema, context)
    : recordDurations(schema, context);
}

/** The pending files of one schema. */
export interface PendingFiles extends SchemaFiles {
  /** Create the schema and its history table first. */
  readonly bootstrap: boolean;
}

/** What a rehearsal does besides running files. */
interface RehearsalOptions {
  /**
   * Schemas whose structure is returned before and after those files of the last part that must not change them, together
   * with what its locks say of any others (see `lockedElsewhere`).
   */
  readonly compared?: readonly string[];
  /** SQL to run first. */
  readonly before?: string;
  /** SQL to run after the last file. */
  readonly after?: string;
  /** Measure the files of the last part (see `measuring.ts`); the names that they may mean and that are schemas. */
  readonly measures?: ReadonlySet<string>;
}

/**
 * The units of public, then of a tenant, in ONE transaction that is rolled back, so that later files see what earlier
 * ones did. Each unit reports how long it took, and the rehearsal reports every lock that other sessions would notice.
 */
export function composeRehearsal(
  parts: readonly PendingFiles[],
  context: UnitContext,
  { compared = [], before = '', after = '', measures }: RehearsalOptions = {},
): Message {
  const message = createMessage();
  message.add(begin(context), before);
  for (const [index, part] of parts.entries()) {
    const { schema, bootstrap } = part;
    const isCompared = compared.length > 0 && index === parts.length - 1;
    const structure = isCompared
      ? `select ${structureAsJson(isOneOf(compared), context)} as ${structureColumn};\n`
      : '';
    if (bootstrap) message.add(doBlock(`begin\n${createMissing(schema.schema, context)}\nend`));
    const schemas = index === parts.length - 1 ? measures : undefined;
    addPart(message, part, { context, structure, measures: schemas });
    message.add(isCompared ? `${lockedElsewhere(schema)};\n` : '');
  }
  message.add(locksTaken, after, 'ROLLBACK;');
  return message.done();
}

function addPart(
  message: MessageText,
  { schema, scripts, bootstrap }: PendingFiles,
  {
    context,
    structure,
    measures,
  }: {
    readonly context: UnitContext;
    readonly structure: string;
    readonly measures: ReadonlySet<string> | undefined;
  },
): void {
  const counts = rowCounts(schema, scripts);
  const isGuarded = (index: number) => scripts[index]?.allowsPublic === false;
  for (const [index, script] of scripts.entries()) {
    if (isGuarded(index) && !isGuarded(index - 1)) message.add(structure);
    const expected = {
      rows: counts[index]?.during ?? 0,
      written: script.migration.undoes ? 1 : index + 1,
      createdTable: bootstrap,
      trusted: true,
    };
    addRehearsed(
      message,
      { script, schema, context },
      {
        start: { kind: 'turn', rows: counts[index]?.before ?? 0 },
        expected,
        ...(measures && { measuring: measuringOf({ script, schema, context }, measures) }),
      },
    );
    if (isGuarded(index) && !isGuarded(index + 1)) message.add(structure);
  }
}

/** The column in which a rehearsal returns the structure of other schemas. */
export const structureColumn = 'sqlmig_structure';

const locksTaken = `select l.relation::text as sqlmig_lock, n.nspname as schema, c.relname as relation, l.mode as mode
from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where l.pid = pg_backend_pid() and l.locktype = 'relation' and c.relkind in ('r', 'p', 'm', 'v', 'i', 'I', 'S') and n.nspname !~ '^pg_'
  and l.mode in (${blockingModeList})
order by n.nspname, c.relname, l.mode;
`;

/** The column with the number of each statement that `composeReplay` got past. */
export const replayColumn = 'sqlmig_statement';

/**
 * Runs one unit again and rolls it back, with a row after each statement: as many statements succeeded as rows arrive.
 * For errors that the server reports without a position.
 */
export function composeReplay(unit: Unit): string {
  return `${prelude('replay', unit.context)}${begin(unit.context)}${replaySteps(unit, { kind: 'planned' })}`;
}

/** The steps of `composeReplay` in a transaction that has begun. */
export function replaySteps(unit: Unit, start: Start, rowsFollow = false): string {
  const { script, schema, context } = unit;
  const statements = script.statements.map(
    (statement, i) => `${sentText(script, statement)}\n;\nselect ${i + 1} as ${replayColumn};\n`,
  );
  return [
    lockAndRecord(unit, start, rowsFollow),
    setFilePath(schema, context),
    ...statements,
    'set constraints all immediate;\nROLLBACK;',
  ].join('');
}

/** Upgrades the history table of an earlier version, under the locks of a unit. */
export function composeUpgrade(schema: UnitSchema, context: UnitContext): string {
  const upgrade = upgradeHistory(schema.schema, context.table);
  return `${begin(context)}${takeLocks(schema, context, { activity: 'upgrade' })}${upgrade}COMMIT;\n`;
}

/** Edits a schema's history under the locks of a unit; `edit` is one statement that must affect a row. */
export function composeEdit(schema: UnitSchema, edit: string, context: UnitContext): string {
  const upgrade = schema.isCurrent ? '' : upgradeHistory(schema.schema, context.table);
  return `${begin(context)}${takeLocks(schema, context, { activity: 'repair' })}${upgrade}${doBlock(`begin
  ${edit};
  if not found then ${raise(unitStates.historyChanged)} end if;
end`)}COMMIT;
`;
}
