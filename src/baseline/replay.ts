import { historyKey } from '../project/order.ts';
import { compareVersions } from '../project/version.ts';
import type { Run } from '../run/run.ts';
import type { Migration } from '../sql/migration.ts';
import { replayInDatabase } from './replay-in-database.ts';
import { replayInTransaction } from './replay-in-transaction.ts';
import type { Replayed, ReplayRequest } from './replayed.ts';

/**
 * Builds public and one tenant from files and reads their structure: in a temporary database, or, if the role may not
 * create one, in a transaction that is rolled back.
 * @throws SqlmigError `server-refused` if neither is possible, `interrupted` if the signal is aborted.
 */
export async function replay(run: Run, { covered, ...more }: ReplayRequest): Promise<Replayed> {
  const request = { ...more, covered: { ...covered, tenant: inOneOrder(covered.tenant) } };
  const role = await readReplayRole(run);
  return role.mayCreateDatabase
    ? replayInDatabase(run, request)
    : replayInTransaction(run, request, role.name);
}

/** Renumbers files so that they run in the given order, if those of several scopes have equal or lower versions. */
function inOneOrder(files: readonly Migration[]): readonly Migration[] {
  const keys = new Set(files.map(historyKey));
  const isOrdered = files.every(({ version }, i) => {
    const before = files[i - 1];
    if (before === undefined || version === null) return true;
    return before.version !== null && compareVersions(before.version, version) < 0;
  });
  if (isOrdered && keys.size === files.length) return files;
  return files.map(({ replaces: _, ...file }, i) => ({ ...file, version: String(i + 1) }));
}

/** The role of a run, and whether it may create a database in which files are replayed. */
export function readReplayRole(
  run: Run,
): Promise<{ readonly name: string; readonly mayCreateDatabase: boolean }> {
  return run.read(async (session) => {
    const [row] = await session.read(
      'select rolname::text as name, rolsuper or rolcreatedb as may from pg_roles where rolname = current_user',
    );
    return { name: String(row?.name), mayCreateDatabase: row?.may === true };
  });
}
