import type { Script } from '../sql/migration.ts';
import { doBlock } from '../sql/quote.ts';
import { createMissing } from './bootstrap.ts';
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
  /** Run the guard after each file, to find the file at fault. Each guard costs more, the more the files create. */
  readonly guardsEach: boolean;
  /** Leave the transaction open. */
  readonly open: boolean;
}

const activity = 'create';
// The transaction holds the locks before the first file.
const start: Start = { kind: 'joined' };

/** Ends the transaction of `composeCreation`. */
export const commit = 'COMMIT;\n';

/**
 * Creates a schema, its history and what its files build in ONE transaction, under the key of its name, which keeps
 * other sessions from creating it (docs/lock-protocol.md, Creating schemas and history tables). A schema that exists is
 * completed under its own key, and its empty history is there.
 */
export function composeCreation(
  { schema, scripts, snapshot, trusted, guardsEach, open }: NewSchema,
  context: UnitContext,
): Message {
  const before = snapshot?.covered.length ?? 0;
  const message = createMessage();
  const settings = prelude(activity, context);
  message.add(settings, begin(context));
  const isNew = schema.oid === null;
  const checks = isNew ? newNameTaken(schema, context) : isStale(schema, context);
  message.add(takeLocks(schema, context, { activity, checks }));
  if (isNew) message.add(doBlock(`begin\n${createMissing(schema.schema, context)}\nend`));
  if (snapshot !== null) message.add(loadSteps(snapshot, schema, context));
  const groups = guardsEach ? scripts.map((script) => [script]) : guardedTogether(scripts);
  const createdTable = isNew;
  addGroups(message, { groups, schema, context }, { rows: before, settings, trusted, createdTable });
  message.add(open ? '' : commit);
  return message.done();
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
  addGroups(message, { groups, schema, context }, { ...expected, settings });
  return message.done();
}

/** Adds files that are guarded together, group by group, after this number of rows of their history. */
function addGroups(
  message: MessageText,
  { groups, ...place }: Omit<JoinedUnits, 'scripts'> & { readonly groups: readonly (readonly Script[])[] },
  {
    rows: before,
    settings,
    trusted,
    createdTable,
    createdOthers = [],
  }: {
    readonly rows: number;
    readonly settings: string;
    readonly trusted: ReadonlySet<Script>;
    readonly createdTable: boolean;
    readonly createdOthers?: readonly string[];
  },
): void {
  let rows = before;
  for (const scripts of groups) {
    rows += scripts.length;
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
  message.add(rows > 0 ? recordDurations(place.schema, place.context) : '');
}

/**
 * Builds a schema as `composeCreation` does up to a file, then runs that one as `composeReplay` does, and rolls
 * everything back.
 */
export function composeCreationReplay(
  { schema, scripts, snapshot }: Pick<NewSchema, 'schema' | 'scripts' | 'snapshot'>,
  script: Script,
  context: UnitContext,
): string {
  const before = scripts.slice(0, scripts.indexOf(script));
  const { text } = composeCreation(
    { schema, scripts: before, snapshot, trusted: new Set(before), guardsEach: false, open: true },
    context,
  );
  return text + replaySteps({ script, schema, context }, start);
}
