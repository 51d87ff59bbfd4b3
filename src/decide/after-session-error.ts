/** Why an error left a worker without a usable session; `null` if its session is not to blame. */
export type SessionFailure =
  /** The server cannot be reached. */
  | 'unreachable'
  /** The server accepts no more connections. */
  | 'no-room'
  /** The connection broke while a message was running. */
  | 'lost'
  | null;

/** What a worker does after an error that no attempt has turned into an outcome. */
type AfterSessionError =
  /** The run is interrupted: record the schema as skipped. */
  | 'interrupt'
  /** Return the schema to the scheduler and end; other workers go on. */
  | 'leave'
  /** Return the schema to the scheduler and ask for a session again later. */
  | 'stand-aside'
  /** Retry the schema. */
  | 'retry'
  /** Fail the schema. */
  | 'fail';

/** Decides what a worker does after an error. `others` is the number of workers beside this one. */
export function afterSessionError({
  failure,
  interrupted,
  others,
}: {
  readonly failure: SessionFailure;
  readonly interrupted: boolean;
  readonly others: number;
}): AfterSessionError {
  if (interrupted) return 'interrupt';
  if (failure === 'lost') return 'retry';
  if (failure === null || others === 0) return 'fail';
  return failure === 'no-room' ? 'stand-aside' : 'leave';
}
