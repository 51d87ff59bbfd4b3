import { ownPath, type Session } from './session.ts';

/** SQL: makes the COMMIT of this transaction wait for the disk, independent of the server's setting. */
export const waitForDisk = `select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off';
`;

/**
 * Waits until all that any session has committed is on disk. The server's log is one sequence, so a commit that waits
 * takes along all before it; but only a transaction that writes something waits (PostgreSQL documentation, Asynchronous
 * Commit). Servers whose synchronous_commit is not off keep their setting.
 */
export async function flush(session: Session): Promise<void> {
  await session.run(`START TRANSACTION READ WRITE;
SET LOCAL search_path = ${ownPath};
${waitForDisk}select pg_logical_emit_message(true, 'sqlmig', 'flush');
COMMIT`);
}
