import { errorOfAll, exitCodes, inDatabase, SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import { newRunId, type RunGroup } from '../run/caller.ts';
import { createBarrier } from './barrier.ts';
import { type NamingOptions, sharesOf } from './shares.ts';

/** The result or the error of a command in one of several databases. */
export type Part<T> = { readonly database: string } & (
  | { readonly result: T }
  | { readonly error: SqlmigError }
);

/** The options of a command that differ between its parts. */
interface PartOptions extends NamingOptions {
  readonly onEvent?: OnEvent;
}

/** Work that is done in all databases of a config at the same time. */
interface DatabasesWork<O, T, P> {
  /**
   * Works in one database. `agree` waits until all databases are ready for changes, and resolves to the decision; `null` if
   * there is only one database.
   */
  readonly work: (
    config: Config,
    options: O & RunGroup,
    agree: ((plan: P) => Promise<boolean>) | null,
  ) => Promise<T>;
  readonly merge: (parts: readonly Part<T>[], runId: string) => T;
  /** Decides once whether to continue, by the plans of all parts. By default, the command continues. */
  readonly decide?: ((plans: readonly Part<P>[]) => boolean | Promise<boolean>) | undefined;
  /** Start in no database unless all can start. */
  readonly requireAll?: boolean | undefined;
}

/**
 * Works in each database of a config, and merges the results. With one database, returns its result unchanged.
 * @throws SqlmigError the errors of all databases if none could start, or if the start was refused.
 */
export async function inDatabases<O extends PartOptions, T, P = null>(
  config: Config,
  options: O,
  { work, merge, decide = () => true, requireAll = false }: DatabasesWork<O, T, P>,
): Promise<T> {
  if (config.otherDatabases.length === 0) return work(config, options, null);
  const shares = await sharesOf(config, options);
  const runId = newRunId();
  const barrier = createBarrier<Part<P>>({ parts: shares.length, requireAll, decide });
  const listen = createListeners(options.onEvent);
  const settled = await Promise.allSettled(
    shares.map(async (share, place): Promise<Part<T>> => {
      const { config: part, database } = share;
      try {
        if ('error' in share) throw share.error;
        const partOptions = { ...share.options, ...listen(database), runId };
        const result = await work(part, partOptions, (plan) =>
          barrier.arrive({ database, result: plan }, place),
        );
        barrier.leave(null);
        return { database, result };
      } catch (error) {
        barrier.leave(error instanceof SqlmigError ? error : null);
        if (!(error instanceof SqlmigError)) throw error;
        return { database, error };
      }
    }),
  );
  const parts = settled.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
  const failed = parts.filter((part) => 'error' in part);
  if (barrier.refused) throw combinedError(failed.filter(({ error }) => error.code !== 'stopped'));
  if (failed.length === parts.length) throw combinedError(failed);
  return merge(
    parts.map((part) => ('error' in part ? { ...part, error: inDatabase(part.error, part.database) } : part)),
    runId,
  );
}

/** Makes listeners that add the name of the database. A warning about files is passed on once, without a name. */
function createListeners(onEvent: OnEvent | undefined): (database: string) => { readonly onEvent?: OnEvent } {
  if (onEvent === undefined) return () => ({});
  const reported = new Set<string>();
  return (database) => ({
    onEvent(event) {
      if (event.type !== 'warning' || event.files !== true) return onEvent({ ...event, database });
      if (!reported.has(event.message)) onEvent(event);
      reported.add(event.message);
    },
  });
}

/** Combines the errors of several databases, and equal ones about usage, config or files into one. */
function combinedError(
  failed: readonly { readonly database: string; readonly error: SqlmigError }[],
): SqlmigError {
  const shared = new Map<string, SqlmigError>();
  for (const { database, error } of failed) {
    for (const single of error.all) {
      const isCommon = exitCodes[single.code] === 2 || single.code === 'interrupted';
      const key = JSON.stringify([single.details, isCommon ? null : database]);
      shared.set(key, isCommon && shared.has(key) ? single : inDatabase(single, database));
    }
  }
  return errorOfAll([...shared.values()]);
}
