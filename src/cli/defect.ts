import { SqlmigError } from '../errors.ts';

/** Any error as one of ours: what no part of sqlmig expected is `internal-error`, with the place in its own code. */
export function defectOf(error: unknown): SqlmigError {
  if (error instanceof SqlmigError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const [, place] = /([^\s/\\(]+\.[jt]s:\d+:\d+)/.exec(stackOf(error)[0] ?? '') ?? [];
  return new SqlmigError(
    'internal-error',
    `sqlmig ended unexpectedly${place === undefined ? '' : ` (${place})`}: ${message.replace(/\s+/g, ' ')}`,
    {
      state: 'what was committed is in the history',
      hint: 'this is a defect in sqlmig: please report it with the output of the same command with --verbose',
      cause: error,
    },
  );
}

/** The calls that led to a defect, newest first; none for any other error. */
export function stackOf(error: unknown): string[] {
  const cause = error instanceof SqlmigError && error.code === 'internal-error' ? error.cause : error;
  if (!(cause instanceof Error) || cause instanceof SqlmigError) return [];
  return (cause.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
}
