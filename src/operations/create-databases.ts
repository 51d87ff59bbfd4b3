import { mergedDatabases } from '../databases/merged.ts';
import { inDatabases } from '../databases/parts.ts';
import type { OnEvent } from '../events.ts';
import { createDatabase, withDatabase } from '../lifecycle/database.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { abortSignal, callback, checkOptions, type Kinds } from '../project/option.ts';
import type { DatabaseOutcome } from '../results.ts';
import { callerOf, type RunGroup } from '../run/caller.ts';

/** Options of `createDatabases`. */
export interface CreateDatabasesOptions {
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** A database of the config, and whether it was created. */
export interface CreatedDatabase extends DatabaseOutcome {
  /** Its name on the server; `null` if the server could not be reached. */
  readonly name: string | null;
  readonly state: 'created' | 'exists' | 'failed';
}

/** The result of `createDatabases`. */
export interface CreatedDatabases {
  readonly ok: boolean;
  readonly databases: readonly CreatedDatabase[];
}

const kinds: Kinds<CreateDatabasesOptions> = { signal: abortSignal, onEvent: callback };

/**
 * Creates each database of the config that does not exist, from the server's default template. Several calls at the
 * same time are safe. Connects to the database `postgres` of the server, or to `template1`.
 * @throws SqlmigError `server-refused`, and if it cannot start: `bad-usage`, `config-invalid`, no connection. Of several
 *   databases, those that fail have these errors, unless all do.
 */
export async function createDatabases(
  config: Config,
  options: CreateDatabasesOptions = {},
): Promise<CreatedDatabases> {
  requireFleetConfig(config);
  checkOptions(options, kinds);
  return inDatabases(config, options, {
    work: createIn,
    merge: (parts) => mergedDatabases(parts, (database) => ({ ...database, name: null, state: 'failed' })),
  });
}

async function createIn(
  config: Config,
  options: CreateDatabasesOptions & RunGroup,
): Promise<CreatedDatabases> {
  return withDatabase(config, callerOf(options), async (found) => {
    const { name, host, contents } = found;
    const state = contents === null && (await createDatabase(found)) ? 'created' : 'exists';
    return { ok: true, databases: [{ database: config.database.name ?? name, ok: true, host, name, state }] };
  });
}
