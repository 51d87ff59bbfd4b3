import { SqlmigError } from '../errors.ts';

/** The error for a file or folder of the project that cannot be created. `what` is its path for display. */
export function cannotWrite(what: string, cause: unknown): SqlmigError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SqlmigError('file-exists', `cannot write ${what}: ${why}`, {
    hint: 'check whether the file exists and whether the folder is writable',
    cause,
  });
}
