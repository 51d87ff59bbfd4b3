import type { SchemaOutcome } from '../results.ts';
import { flush } from '../server/flush.ts';
import { readListed } from '../state/fleet-state.ts';
import type { Target } from '../state/target.ts';
import type { Migrator } from './migrator.ts';
import { hasWork } from './outcome.ts';

/**
 * Makes the commits in tenants durable with one flush of the write-ahead log. Returns the tenants whose commits a crash of
 * the server has lost: they have work again.
 * @throws SqlmigError if the flush fails: then it is unknown what is on disk.
 */
export async function confirm(
  { run, source, settings }: Migrator,
  outcomes: readonly SchemaOutcome[],
): Promise<Target[]> {
  const applied = outcomes.filter(({ scope, migrations: done }) => scope === 'tenant' && done.length > 0);
  if (applied.length === 0 || settings.rehearse || settings.sync) return [];
  // Cancels are still being sent when a run is interrupted, so the first one may be canceled.
  await run.read(flush).catch((error: unknown) => {
    if (!settings.signal.aborted) throw error;
    return run.read(flush);
  });
  // A crash ends every session, so there was none if the run's own session is still the first.
  if (run.undisturbed()) return [];
  const names = applied.filter(({ state }) => state === 'applied').map(({ schema }) => schema);
  const now = await run.read((_, reader) =>
    readListed(reader, source, { names, bad: new Map(), digests: new Map() }),
  );
  return now.filter(hasWork);
}
