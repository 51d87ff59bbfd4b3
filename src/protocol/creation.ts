import type { Migration, Script } from '../sql/migration.ts';
import { doBlock, quoteIdentifier } from '../sql/quote.ts';
import { literalPattern } from '../text/literal-pattern.ts';
import { createMissing } from './bootstrap.ts';
import { insertTimedRows } from './created-rows.ts';
import { recordDurations } from './durations.ts';
import { replaySteps } from './message.ts';
import { createMessage, type Message, type MessageText } from './message-text.ts';
import { type LoadedSnapshot, loadSteps } from './snapshot-rows.ts';
import { guardedTogether } from './transactions.ts';
import { addSteps, runsCode, type Start } from './unit.ts';
import { isStale, newNameTaken } from './unit-checks.ts';
import type { JoinedUnits, UnitContext, UnitSchema } from './unit-context.ts';
import { takeLocks } from './unit-locks.ts';
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

/** Lets the server end the transaction of `composeCreation` if a suspended runner does not continue it. */
export const limitIdle = `SET LOCAL idle_in_transaction_session_timeout = '10s';\n`;

/** Ends the transaction of `composeCreation`. */
export const commit = 'COMMIT;\n';

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
      const rows = [
        ...covered,
        ...scripts.map(({ migration, statements }) => ({ migration, statements: statements.length })),
      ];
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
  const checks = isNew ? newNameTaken(schema, context) : isStale(schema, context);
  message.add(takeLocks(schema, context, { activity, checks }));
  if (isNew) message.add(doBlock(`begin\n${createMissing(schema.schema, context)}\nend`));
  if (snapshot !== null) message.add(loadSteps(snapshot, { schema, context }, rowsFollow));
  const groups = guardsEach ? scripts.map((script) => [script]) : guardedTogether(scripts);
  const expected = { rows: snapshot?.covered.length ?? 0, trusted, createdTable: isNew };
  addGroups(message, { groups, schema, context }, { ...expected, start: startOf(rowsFollow), settings });
  return message.done();
}

function startOf(rowsFollow: boolean): Start {
  return rowsFollow ? { kind: 'creating' } : joined;
}

/**
 * Whether the history rows can follow the files, because nothing reads a history, judging by the text of these files, with
 * the values of placeholders, and by that of all others, whose functions they may call
 * (docs/lock-protocol.md, Creating schemas and history tables).
 */
function canFollow(
  { schema, scripts, snapshot, guardsEach }: ReplayedSchema,
  { historyTables, namesHistory, isCitus }: UnitContext,
): boolean {
  const isNamed = (name: string) =>
    snapshot?.sql.includes(name) ||
    scripts.some(({ statements }) => statements.some(({ reach }) => reach.words.has(name)));
  // Citus may refuse an INSERT from a query.
  const mayInsert = schema.oid === null && !isCitus;
  return mayInsert && !guardsEach && !namesHistory && !historyTables.some(isNamed);
}

/** Whether the text of a file has the name of a history as a word, in any case. */
export function nameHistory(
  files: readonly Pick<Migration, 'text'>[],
  historyTables: readonly string[],
): boolean {
  const forms = historyTables.flatMap((name) => [name, quoteIdentifier(name)]).map(literalPattern);
  const word = new RegExp(`(?<![\\p{L}\\p{N}_])(?:${forms.join('|')})(?![\\p{L}\\p{N}_])`, 'iu');
  return files.some(({ text }) => word.test(text));
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
  addGroups(message, { groups, schema, context }, { ...expected, start: joined, settings });
  message.add(scripts.length > 0 ? recordDurations(schema, context) : '');
  return message.done();
}

/** Adds files that are guarded together, group by group, after this number of rows of their history. */
function addGroups(
  message: MessageText,
  { groups, ...place }: Omit<JoinedUnits, 'scripts'> & { readonly groups: readonly (readonly Script[])[] },
  {
    rows: before,
    start,
    settings,
    trusted,
    createdTable,
    createdOthers = [],
  }: {
    readonly rows: number;
    readonly start: Start;
    readonly settings: string;
    readonly trusted: ReadonlySet<Script>;
    readonly createdTable: boolean;
    readonly createdOthers?: readonly string[];
  },
): void {
  let files = before;
  for (const scripts of groups) {
    files += scripts.length;
    const rows = start.kind === 'creating' ? 0 : files;
    const expected = {
      rows,
      written: rows,
      createdTable,
      createdOthers,
      trusted: scripts.every((script) => trusted.has(script)),
    };
    addSteps(message, { ...place, scripts }, { start, expected, settings });
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
  return text + replaySteps({ script, schema, context }, startOf(rowsFollow));
}
