import { inDatabase, SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { findSchemas } from '../history/presence.ts';
import type { Config } from '../project/config.ts';
import { callerOf } from '../run/caller.ts';
import { type Run, withRun } from '../run/run.ts';
import { few } from '../text/few.ts';
import { configsOf } from './shares.ts';

/** The options that finding the database uses. */
interface HomeOptions {
  readonly signal?: AbortSignal;
  readonly onEvent?: OnEvent;
}

/** Work in the database of a config that has a certain tenant or backend. */
interface HomeWork<O, T> {
  /** What the database has, in words. */
  readonly what: string;
  readonly isHere: (run: Run) => Promise<boolean>;
  readonly work: (config: Config, options: O) => Promise<T>;
  /** Makes the result if no database has it; by default, the work runs in the first one, and reports that. */
  readonly nowhere?: () => T;
}

/**
 * Works in the only database of a config, or asks several databases and works in the one that `isHere`.
 * @throws SqlmigError `bad-usage` if several databases have it, or the error of a database that cannot be asked.
 */
export async function inHome<O extends HomeOptions, T>(
  config: Config,
  options: O,
  { what, isHere, work, nowhere }: HomeWork<O, T>,
): Promise<T> {
  if (config.otherDatabases.length === 0) return work(config, options);
  const configs = configsOf(config);
  const { signal, onEvent } = options;
  const answers = await Promise.all(
    configs.map(async ({ config: part, database }) => {
      try {
        return await withRun(part, callerOf({ signal }), isHere);
      } catch (error) {
        throw error instanceof SqlmigError ? inDatabase(error, database) : error;
      }
    }),
  );
  const homes = configs.filter((_, i) => answers[i] === true);
  if (homes.length > 1) throw inSeveral(what, homes);
  const home = homes[0] ?? (nowhere === undefined ? configs[0] : undefined);
  if (home === undefined) {
    if (nowhere === undefined) throw new RangeError('a config has a database');
    return nowhere();
  }
  const { database } = home;
  const named = onEvent && { onEvent: ((event) => onEvent({ ...event, database })) satisfies OnEvent };
  return work(home.config, { ...options, ...named });
}

/** Whether a schema exists in the database of a run. */
export async function hasSchema({ read, config }: Run, name: string): Promise<boolean> {
  // No schema has a NUL character, and the server would refuse the text.
  if (name.includes('\0')) return false;
  return read(async (session) => (await findSchemas(session, [name], config.historyTable)).has(name));
}

function inSeveral(what: string, homes: readonly { readonly database: string }[]): SqlmigError {
  const names = homes.map(({ database }) => database);
  return new SqlmigError('bad-usage', `several databases have ${what}: ${few(names, 20)}`, {
    state: 'nothing was touched',
    hint: `select one: --database ${names[0]}`,
  });
}
