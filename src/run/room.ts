import type { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';

/** Whether the server has room for another session, as far as the run knows. */
export interface Room {
  /** The refusal of the last seconds, or `null`: then it is worth asking. */
  refusal(): SqlmigError | null;
  /** Notes a refusal; the first one is a warning. */
  refused(error: SqlmigError): void;
}

/** After a refusal no session is asked for during this time: other runners need the slots. */
export const askAgainMs = 10_000;

/** The room on a server that has refused nothing yet. */
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
