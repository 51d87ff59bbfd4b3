/** How a worker's session failed, where it did. */
export type SessionFailure =
  /** The server or the way to it is not there. */
  | 'unreachable'
  /** The server has no room for another session. */
  | 'no-room'
  /** The session ended while something was under way on it. */
  | 'lost'
  | null;

/** What a worker does with a schema, and with itself, after an error that no attempt has explained. */
export type AfterSessionError =
  /** The run is interrupted: the schema is settled as it is. */
  | 'interrupt'
  /** Others go on; this worker ends, and its schema goes back to them. */
  | 'leave'
  /** The same, but the worker asks again after a while. */
  | 'stand-aside'
  /** The schema is looked at and tried again. */
  | 'retry'
  /** The schema fails. */
  | 'fail';

/** Decides it. `others`: how many workers there are beside this one. */
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
