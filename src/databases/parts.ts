import { errorOfAll, exitCodes, inDatabase, SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import type { Config } from '../project/config.ts';
import { newRunId, type RunGroup } from '../run/caller.ts';
import { createAssembly } from './assembly.ts';
import { type NamingOptions, sharesOf } from './shares.ts';

/** What came of a command in one of several databases. */
export type Part<T> = { readonly database: string } & (
  | { readonly result: T }
  | { readonly error: SqlmigError }
);

/** The options of a command, as far as its parts differ in them. */
interface PartOptions extends NamingOptions {
  readonly onEvent?: OnEvent;
}

/** Work that is done in all databases of a config at the same time. */
interface FleetWork<O, T, P> {
  /**
   * Works in one database. `meet` waits until all are ready to change something, and resolves to the decision; `null` if
   * there is only one.
   */
  readonly work: (
    config: Config,
    options: O & RunGroup,
    meet: ((plan: P) => Promise<boolean>) | null,
  ) => Promise<T>;
  readonly merge: (parts: readonly Part<T>[], runId: string) => T;
  /** Decides once whether to continue, from what each part met with. By default, the command continues. */
  readonly decide?: ((plans: readonly Part<P>[]) => boolean | Promise<boolean>) | undefined;
  /** Start nowhere if one database cannot start. */
  readonly requireAll?: boolean | undefined;
}

/**
 * Works in each database of a config, and combines the results. With one database, this is its work, unchanged.
 * @throws SqlmigError the errors of all databases if none could begin, or if the start was refused.
 */
export async function inDatabases<O extends PartOptions, T, P = null>(
  config: Config,
  options: O,
  { work, merge, decide = () => true, requireAll = false }: FleetWork<O, T, P>,
): Promise<T> {
  if (config.otherDatabases.length === 0) return work(config, options, null);
  const shares = await sharesOf(config, options);
  const runId = newRunId();
  const assembly = createAssembly<Part<P>>({ parts: shares.length, requireAll, decide });
  const listen = createListeners(options.onEvent);
  const settled = await Promise.allSettled(
    shares.map(async (share, place): Promise<Part<T>> => {
      const { config: one, database } = share;
      try {
        if ('error' in share) throw share.error;
        const own = { ...share.options, ...listen(database), runId };
        const result = await work(one, own, (plan) => assembly.arrive({ database, result: plan }, place));
        assembly.leave(null);
        return { database, result };
      } catch (error) {
        assembly.leave(error instanceof SqlmigError ? error : null);
        if (!(error instanceof SqlmigError)) throw error;
        return { database, error };
      }
    }),
  );
  const parts = settled.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
  const failed = parts.filter((part) => 'error' in part);
  if (assembly.refused) throw gathered(failed.filter(({ error }) => error.code !== 'stopped'));
  if (failed.length === parts.length) throw gathered(failed);
  return merge(
    parts.map((part) => ('error' in part ? { ...part, error: inDatabase(part.error, part.database) } : part)),
    runId,
  );
}

/** Gives each database a listener that names it. A warning about files, which all share, is passed on once without a name. */
function createListeners(onEvent: OnEvent | undefined): (database: string) => { readonly onEvent?: OnEvent } {
  if (onEvent === undefined) return () => ({});
  const said = new Set<string>();
  return (database) => ({
    onEvent(event) {
      if (event.type !== 'warning' || event.files !== true) return onEvent({ ...event, database });
      if (!said.has(event.message)) onEvent(event);
      said.add(event.message);
    },
  });
}

/** The errors of several databases as one; what is wrong everywhere in the same words is one error. */
function gathered(
  failed: readonly { readonly database: string; readonly error: SqlmigError }[],
): SqlmigError {
  const shared = new Map<string, SqlmigError>();
  for (const { database, error } of failed) {
    for (const one of error.all) {
      const isCommon = exitCodes[one.code] === 2 || one.code === 'interrupted';
      const key = JSON.stringify([one.details, isCommon ? null : database]);
      shared.set(key, isCommon && shared.has(key) ? one : inDatabase(one, database));
    }
  }
  return errorOfAll([...shared.values()]);
}
