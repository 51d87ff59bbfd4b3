import type { RunEvent } from '../events.ts';
import type { DownResult, SchemaOutcome, UndoneSchema, UpResult } from '../results.ts';

const states = {
  applied: 'undone',
  'up-to-date': 'unchanged',
  failed: 'failed',
  skipped: 'skipped',
} as const;

/** The outcome of a schema in a run of `down`; `applied` becomes `undone`. */
function undoneSchema({ state, unmanaged: _, ...outcome }: SchemaOutcome): UndoneSchema {
  return { ...outcome, state: states[state] };
}

/** The result of a run of `down`. */
export function undoneResult({ applied, upToDate, schemas, ...result }: UpResult): DownResult {
  return { ...result, undone: applied, unchanged: upToDate, schemas: schemas.map(undoneSchema) };
}

/** An event of a run of `down`. */
export function undoneEvent(event: RunEvent): RunEvent {
  if (event.type === 'migration-applied') return { ...event, type: 'migration-undone' };
  if (event.type !== 'schema-finished') return event;
  const { outcome } = event;
  return { ...event, outcome: undoneSchema(outcome as SchemaOutcome) };
}
