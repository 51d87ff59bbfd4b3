import type { Script } from '../sql/migration.ts';
import { doBlock } from '../sql/quote.ts';
import { createMissing } from './bootstrap.ts';
import { createdRow, insertTimedRows } from './created-rows.ts';
import { recordDurations } from './durations.ts';
import { mayReadHistory } from './history-readers.ts';
import { replaySteps } from './message.ts';
import { createMessage, type Message, type MessageText } from './message-text.ts';
import { type LoadedSnapshot, loadSteps } from './snapshot-rows.ts';
import { guardedTogether } from './transactions.ts';
import { addSteps, runsCode, type Start } from './unit.ts';
import { isOccupied, isStale, newNameTaken } from './unit-checks.ts';
import type { JoinedUnits, UnitContext, UnitSchema } from './unit-context.ts';
import { lockHistory, takeLocks } from './unit-locks.ts';
import { begin, prelude } from './unit-settings.ts';

/** A schema to create, or one that exists with an empty history, and the files to apply to it. */
export interface NewSchema {
  readonly schema: UnitSchema;
  readonly scripts: readonly Script[];
  /** Replaces the files before `scripts`; `null` if there are none. */
  readonly snapshot: LoadedSnapshot | null;
  /** Files that were checked already (see `Expected`). */
  readonly trusted: ReadonlySet<Script>;
  /**
   * Write the history row of each file before it and run the guard after it, to find the file at fault. Each guard costs
   * more, the more the files create.
   */
  readonly guardsEach: boolean;
}

/** What creates a schema in a transaction that stays open. */
export interface Creation {
  readonly message: Message;
  /**
   * SQL to run then: it records the files, and returns a row for each with its duration (`durationOf`). `begunAt`: the times
   * that the message reported.
   */
  readonly record: (begunAt: readonly string[]) => string;
}

const activity = 'create';
// The transaction holds the locks before the first file.
const joined: Start = { kind: 'joined' };

/**
 * Creates a schema, its history and what its files build in ONE transaction, under the key of its name, which keeps
 * other sessions from creating it (docs/lock-protocol.md, Creating schemas and history tables). A schema that exists is
 * completed under its own key, and its empty history is there.
 */
export function composeCreation(creation: NewSchema, context: UnitContext): Creation {
  const { schema, scripts, snapshot } = creation;
  const covered = snapshot?.covered ?? [];
  const rowsFollow = canFollow(creation, context);
  return {
    message: composeFiles(creation, rowsFollow, context),
    record(begunAt) {
      if (!rowsFollow) return covered.length + scripts.length > 0 ? recordDurations(schema, context) : '';
      const rows = [...covered, ...scripts.map(createdRow)];
      // The first time is that at which the snapshot was loaded.
      const loadedAt = snapshot === null ? [] : begunAt.slice(0, 1);
      const times = [...covered.flatMap(() => loadedAt), ...begunAt.slice(loadedAt.length)];
      return insertTimedRows(rows, times, { schema, context });
    },
  };
}

function composeFiles(
  { schema: given, scripts, snapshot, trusted, guardsEach }: NewSchema,
  rowsFollow: boolean,
  context: UnitContext,
): Message {
  // A file may put a trigger on the history, and an event trigger on any new table.
  const schema = { ...given, mayDiscardRows: true };
  const message = createMessage();
  const settings = prelude(activity, context);
  message.add(settings, begin(context));
  const isNew = schema.oid === null;
  const occupied = snapshot?.fillsEmpty === true ? isOccupied(schema, context) : [];
  const checks = isNew ? newNameTaken(schema, context) : [...isStale(schema, context), ...occupied];
  message.add(takeLocks(schema, context, { activity, checks }));
  if (rowsFollow && !isNew) message.add(lockHistory(schema, context));
  if (isNew) message.add(doBlock(`begin\n${createMissing(schema.schema, context)}\nend`));
  if (snapshot !== null) message.add(loadSteps(snapshot, { schema, context }, rowsFollow));
  const groups = guardsEach ? scripts.map((script) => [script]) : guardedTogether(scripts);
  const expected = { rows: snapshot?.covered.length ?? 0, trusted, createdTable: isNew };
  addGroups(message, { groups, schema, context }, { ...expected, rowsFollow, settings });
  return message.done();
}

/**
 * Whether the history rows can follow the files, because nothing reads a history
 * (docs/lock-protocol.md, Creating schemas and history tables).
 */
function canFollow({ schema, scripts, snapshot, guardsEach }: ReplayedSchema, context: UnitContext): boolean {
  const isNamed = (name: string) => snapshot?.sql.includes(name) === true;
  // Citus may refuse an INSERT from a query.
  const mayInsert = (schema.oid === null || snapshot?.fillsEmpty === true) && !context.isCitus;
  const isRead = mayReadHistory(scripts, context) || context.historyTables.some(isNamed);
  return mayInsert && !guardsEach && !isRead;
}

/** The files of a kind of tenants, for a schema that the same transaction has created. */
export interface NewKind {
  readonly schema: UnitSchema;
  readonly scripts: readonly Script[];
  /** The histories that the transaction has created before. */
  readonly createdOthers: readonly string[];
}

/** Continues an open transaction of `composeCreation` with a kind of tenants, whose history `context` names. */
export function composeKind({ schema, scripts, createdOthers }: NewKind, context: UnitContext): Message {
  const message = createMessage();
  const settings = prelude(activity, context);
  message.add(doBlock(`begin\n${createMissing(schema.schema, context)}\nend`));
  const groups = guardedTogether(scripts);
  const expected = { rows: 0, trusted: new Set<Script>(), createdTable: true, createdOthers };
  addGroups(message, { groups, schema, context }, { ...expected, rowsFollow: false, settings });
  message.add(scripts.length > 0 ? recordDurations(schema, context) : '');
  return message.done();
}

/** Adds files that are guarded together, group by group, after this number of rows of their history. */
function addGroups(
  message: MessageText,
  { groups, ...place }: Omit<JoinedUnits, 'scripts'> & { readonly groups: readonly (readonly Script[])[] },
  {
    rows: before,
    rowsFollow,
    settings,
    trusted,
    createdTable,
    createdOthers = [],
  }: {
    readonly rows: number;
    readonly rowsFollow: boolean;
    readonly settings: string;
    readonly trusted: ReadonlySet<Script>;
    readonly createdTable: boolean;
    readonly createdOthers?: readonly string[];
  },
): void {
  let files = before;
  for (const scripts of groups) {
    files += scripts.length;
    const rows = rowsFollow ? 0 : files;
    const expected = {
      rows,
      written: rows,
      createdTable,
      createdOthers,
      trusted: scripts.every((script) => trusted.has(script)),
    };
    addSteps(message, { ...place, scripts }, { start: joined, rowsFollow, expected, settings });
    const last = scripts.at(-1);
    if (last !== undefined && runsCode(last)) message.add(settings);
  }
}

/** A creation that failed. */
type ReplayedSchema = Omit<NewSchema, 'trusted'>;

/**
 * Builds a schema as `composeCreation` did up to a file, then runs that one as `composeReplay` does, and rolls
 * everything back.
 */
export function composeCreationReplay(
  creation: ReplayedSchema,
  script: Script,
  context: UnitContext,
): string {
  const { schema, scripts } = creation;
  const before = scripts.slice(0, scripts.indexOf(script));
  // The file finds the history as it was when it failed.
  const rowsFollow = canFollow(creation, context);
  const replayed = { ...creation, scripts: before, trusted: new Set(before), guardsEach: false };
  const { text } = composeFiles(replayed, rowsFollow, context);
  return text + replaySteps({ script, schema, context }, joined, rowsFollow);
}
