import { type Config, requireFleetConfig } from '../project/config.ts';
import { checkOptions } from '../project/option.ts';
import {
  type AcceptedEditOptions,
  type AcceptedEdits,
  acceptedEditKinds,
  applyAcceptedEdits,
  type EditSearch,
} from '../repair/accepted-edits.ts';
import type { RepairedSchema } from '../repair/repair.ts';
import type { DatabaseOutcome } from '../results.ts';
import { databaseOutcomes, resultsOf } from './merged.ts';
import { inDatabases, type Part } from './parts.ts';

/** The outcomes of a repair in several databases. */
export function mergedRepair(parts: readonly Part<{ readonly schemas: readonly RepairedSchema[] }>[]) {
  const schemas = resultsOf(parts).flatMap((result) => result.schemas);
  const databases = databaseOutcomes(parts, (result) => ({
    ok: result.schemas.every(({ state }) => state !== 'failed'),
  }));
  return { schemas, databases };
}

/** What was found in all databases, and what came of it. */
interface FleetEdits<T> extends AcceptedEdits<T> {
  readonly databases?: readonly DatabaseOutcome[];
}

/**
 * Finds edits in the selected schemas of every database, and makes those that `accept` agrees to, which is asked once.
 * @throws SqlmigError `bad-usage`, `config-invalid`, and as `inDatabases` does.
 */
export async function applyInDatabases<T>(
  config: Config,
  options: AcceptedEditOptions<T>,
  search: EditSearch<T>,
): Promise<FleetEdits<T>> {
  requireFleetConfig(config);
  checkOptions(options, acceptedEditKinds);
  return inDatabases<AcceptedEditOptions<T>, FleetEdits<T>, readonly T[]>(config, options, {
    work: (one, own, meet) => applyAcceptedEdits(one, meet === null ? own : { ...own, accept: meet }, search),
    decide: (parts) => options.accept(resultsOf(parts).flat()),
    merge: (parts) => {
      const results = resultsOf(parts);
      return {
        found: results.flatMap(({ found }) => found),
        accepted: results.some(({ accepted }) => accepted),
        ...mergedRepair(parts),
      };
    },
  });
}
