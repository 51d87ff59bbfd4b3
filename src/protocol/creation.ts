import type { Script } from '../sql/migration.ts';
import { doBlock } from '../sql/quote.ts';
import { createMissing } from './bootstrap.ts';
import { recordDurations } from './durations.ts';
import { replaySteps } from './message.ts';
import { createMessage, type Message } from './message-text.ts';
import { type LoadedSnapshot, loadSteps } from './snapshot-rows.ts';
import { guardedTogether } from './transactions.ts';
import { addSteps, runsCode, type Start } from './unit.ts';
import { newNameTaken } from './unit-checks.ts';
import type { UnitContext, UnitSchema } from './unit-context.ts';
import { takeLocks } from './unit-locks.ts';
import { begin, prelude } from './unit-settings.ts';

/** A schema to create, and the files to apply to it. */
export interface NewSchema {
  readonly schema: UnitSchema;
  readonly scripts: readonly Script[];
  /** Stands for the files before `scripts`; `null` if there are none. */
  readonly snapshot: LoadedSnapshot | null;
  /** Files that were checked already (see `Expected`). */
  readonly trusted: ReadonlySet<Script>;
  /** Guard after each file, which says which one did what it must not. The guard costs more the more the files create. */
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
 * other sessions from creating it (docs/lock-protocol.md, Creating schemas and history tables).
 */
export function composeCreation(
  { schema, scripts, snapshot, trusted, guardsEach, open }: NewSchema,
  context: UnitContext,
): Message {
  let rows = snapshot?.covered.length ?? 0;
  const message = createMessage();
  const settings = prelude(activity, context);
  message.add(settings, begin(context));
  message.add(takeLocks(schema, context, { activity, checks: newNameTaken(schema, context) }));
  message.add(doBlock(`begin\n${createMissing(schema.schema, context)}\nend`));
  if (snapshot !== null) message.add(loadSteps(snapshot, schema, context));
  for (const joined of guardsEach ? scripts.map((script) => [script]) : guardedTogether(scripts)) {
    rows += joined.length;
    const expected = {
      rows,
      written: rows,
      createdTable: true,
      trusted: joined.every((script) => trusted.has(script)),
    };
    addSteps(message, { scripts: joined, schema, context }, { start, expected, settings });
    const last = joined.at(-1);
    if (last !== undefined && runsCode(last)) message.add(settings);
  }
  message.add(rows > 0 ? recordDurations(schema, context) : '', open ? '' : commit);
  return message.done();
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
