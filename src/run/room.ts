import type { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';

/** Whether the server accepts another session, as far as the run knows. */
export interface Room {
  /** The refusal of the last ten seconds; `null` if a run may try to connect. */
  refusal(): SqlmigError | null;
  /** Records a refusal, and warns about the first one. */
  refused(error: SqlmigError): void;
}

/** After a refusal, no session is opened for this time: other runs need the connection slots. */
export const askAgainMs = 10_000;

/** The state for a server that has refused no session yet. */
export function createRoom(emit: OnEvent): Room {
  let last: { readonly error: SqlmigError; readonly at: number } | null = null;
  return {
    refusal: () => (last !== null && performance.now() - last.at < askAgainMs ? last.error : null),
    refused(error) {
      if (last === null) {
        const message = `the server accepts no more sessions; continuing with the existing ones: ${error.message}`;
        emit({ type: 'warning', message });
      }
      last = { error, at: performance.now() };
    },
  };
}
