import { mergedDatabases, resultsOf } from '../databases/merged.ts';
import { inDatabases } from '../databases/parts.ts';
import type { OnEvent } from '../events.ts';
import { dropDatabase, withDatabase } from '../lifecycle/database.ts';
import { type Config, requireFleetConfig } from '../project/config.ts';
import { abortSignal, callback, checkOptions, checkValue, type Kinds, yesOrNo } from '../project/option.ts';
import type { DatabaseOutcome } from '../results.ts';
import { callerOf, type RunGroup } from '../run/caller.ts';

/** Who decides whether databases are dropped. */
export interface DropDatabasesOptions {
  /** Called once with the databases that would be dropped, if there are any; only `true` drops them. */
  readonly accept: (databases: readonly DatabaseDrop[]) => boolean | Promise<boolean>;
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** A database that would be dropped. */
export interface DatabaseDrop {
  /** Its name in the config, or on the server. */
  readonly database: string;
  /** Its name on the server. */
  readonly name: string;
  readonly host: string;
  /** Its size; `null` if the role may not read it. */
  readonly bytes: number | null;
  /** The number of sessions that use it, which prevent the drop. */
  readonly sessions: number;
}

/** A database of the config, and whether it was dropped. */
export interface DroppedDatabase extends DatabaseOutcome {
  /** Its name on the server; `null` if the server could not be reached. */
  readonly name: string | null;
  readonly state: 'dropped' | 'absent' | 'unchanged' | 'failed';
}

/** The result of `dropDatabases`. */
export interface DroppedDatabases {
  readonly ok: boolean;
  readonly databases: readonly DroppedDatabase[];
}

const kinds: Kinds<DropDatabasesOptions> = {
  accept: { ...callback, required: true },
  signal: abortSignal,
  onEvent: callback,
};

/**
 * Drops each database of the config, with all its contents, if `accept` agrees. It reads all of them before it drops
 * any. A database that is in use is not dropped.
 * @throws SqlmigError `server-refused`, and if it cannot start: `bad-usage`, `config-invalid`, no connection. Of several
 *   databases, those that fail have these errors, unless all do. Rethrows what `accept` throws.
 */
export async function dropDatabases(
  config: Config,
  options: DropDatabasesOptions,
): Promise<DroppedDatabases> {
  requireFleetConfig(config);
  checkOptions(options, kinds);
  const { accept } = options;
  return inDatabases<DropDatabasesOptions, DroppedDatabases, DatabaseDrop>(config, options, {
    decide: (parts) => accept(resultsOf(parts)),
    work: (part, partOptions, agree) => dropIn(part, partOptions, agree ?? ((plan) => accept([plan]))),
    merge: (parts) => mergedDatabases(parts, (database) => ({ ...database, name: null, state: 'failed' })),
  });
}

async function dropIn(
  config: Config,
  options: Omit<DropDatabasesOptions, 'accept'> & RunGroup,
  accept: (plan: DatabaseDrop) => boolean | Promise<boolean>,
): Promise<DroppedDatabases> {
  const caller = callerOf(options);
  return withDatabase(config, caller, async (found) => {
    const { name, host, contents } = found;
    const database = config.database.name ?? name;
    const ended = (state: DroppedDatabase['state']): DroppedDatabases => {
      const ok = state !== 'unchanged';
      return { ok, databases: [{ database, ok, host, name, state }] };
    };
    if (contents === null) return ended('absent');
    const accepted = await accept({ database, name, host, ...contents });
    checkValue('the answer of accept', accepted, yesOrNo);
    if (!accepted || caller.signal.aborted) return ended('unchanged');
    return ended((await dropDatabase(found)) ? 'dropped' : 'absent');
  });
}
