import type { OnEvent } from '../events.ts';
import type { FleetWork } from './fleet-work.ts';

/** Times the work in each schema: notes when it is first attempted, and tells how long that took with its end. */
export function timeTurns({ attempt, emit }: Pick<FleetWork, 'attempt' | 'emit'>): {
  readonly attempt: FleetWork['attempt'];
  readonly emit: OnEvent;
} {
  const begun = new Map<string, number>();
  return {
    attempt(session, target) {
      if (!begun.has(target.schema)) begun.set(target.schema, performance.now());
      return attempt(session, target);
    },
    emit(event) {
      if (event.type !== 'schema-finished') return emit(event);
      const since = begun.get(event.outcome.schema);
      emit(since === undefined ? event : { ...event, elapsedMs: Math.round(performance.now() - since) });
    },
  };
}
