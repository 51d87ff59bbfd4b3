import type { Script } from '../sql/migration.ts';
import { doBlock } from '../sql/quote.ts';
import { createMissing } from './bootstrap.ts';
import { recordDurations } from './durations.ts';
import { createMessage, type Message } from './message-text.ts';
import { addSteps, runsCode } from './unit.ts';
import { nameTaken } from './unit-checks.ts';
import type { UnitContext, UnitSchema } from './unit-context.ts';
import { takeLocks } from './unit-locks.ts';
import { begin, prelude } from './unit-settings.ts';

/** A schema that does not exist, and everything that it gets. */
export interface NewSchema {
  readonly schema: UnitSchema;
  readonly scripts: readonly Script[];
  /** Files that were checked already (see `Expected`). */
  readonly trusted: ReadonlySet<Script>;
}

const activity = 'create';

/**
 * Creates a schema, its history and what its files build in ONE transaction, under the key of its name, which keeps other
 * sessions from creating it (docs/lock-protocol.md, Creating schemas and history tables).
 */
export function composeCreation({ schema, scripts, trusted }: NewSchema, context: UnitContext): Message {
  const message = createMessage();
  const settings = prelude(activity, context);
  message.add(settings, begin(context));
  message.add(takeLocks(schema, context, { activity, checks: nameTaken(schema, context) }));
  message.add(doBlock(`begin\n${createMissing(schema.schema, context)}\nend`));
  for (const [index, script] of scripts.entries()) {
    const expected = {
      rows: index + 1,
      written: index + 1,
      createdTable: true,
      trusted: trusted.has(script),
    };
    // A pooled session has lost its settings if the file before ran code.
    const start = context.ownSession ? ({ kind: 'kept' } as const) : ({ kind: 'turn', rows: index } as const);
    addSteps(message, { script, schema, context }, { start, expected });
    if (runsCode(script)) message.add(settings);
  }
  message.add(scripts.length > 0 ? recordDurations(schema, context) : '', 'COMMIT;\n');
  return message.done();
}
