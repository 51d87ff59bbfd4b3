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
import type { DatabaseOutcome, ScopeName } from '../results.ts';
import { namedScope } from '../state/scope-names.ts';
import { databaseOutcomes, resultsOf } from './merged.ts';
import { inDatabases, type Part } from './parts.ts';
import { inScopes, ofEachScope, type ScopeParts } from './scopes.ts';

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
 * Finds edits in the selected schemas of every database, and makes them if `accept`, which is called once, agrees.
 * @throws SqlmigError `bad-usage`, `config-invalid`, and as `inDatabases` does.
 */
export async function applyInDatabases<T extends { readonly scope: ScopeName }>(
  config: Config,
  options: AcceptedEditOptions<T>,
  search: EditSearch<T>,
): Promise<FleetEdits<T>> {
  requireFleetConfig(config);
  checkOptions(options, acceptedEditKinds);
  return inDatabases<AcceptedEditOptions<T>, FleetEdits<T>, readonly T[]>(config, options, {
    work: (part, partOptions, agree) =>
      editScopes(part, agree === null ? partOptions : { ...partOptions, accept: agree }, search),
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

/**
 * Makes the edits in all scopes. `accept` is called once with the findings of all of them.
 */
async function editScopes<T extends { readonly scope: ScopeName }>(
  config: Config,
  options: AcceptedEditOptions<T>,
  search: EditSearch<T>,
): Promise<AcceptedEdits<T>> {
  if (config.scopes.length === 0) return applyAcceptedEdits(config, options, search);
  const find = (part: Config, partOptions: AcceptedEditOptions<T>) =>
    applyAcceptedEdits(part, { ...partOptions, accept: () => false }, search);
  const edits = (parts: ScopeParts<AcceptedEdits<T>>): AcceptedEdits<T> => ({
    found: ofEachScope(parts, (result) => result.found),
    accepted: parts.some(({ result }) => result.accepted),
    schemas: ofEachScope(parts, ({ schemas }) => schemas),
  });
  const before = await inScopes(config, options, { work: find, merge: edits });
  if (before.found.length === 0 || !(await options.accept(before.found))) return before;
  const shown = new Set(before.found.map((edit) => JSON.stringify(edit)));
  const accept = (part: Config) => (found: readonly T[]) =>
    found.every((edit) => shown.has(JSON.stringify(namedScope(edit, part))));
  return inScopes(config, options, {
    work: (part, partOptions) => applyAcceptedEdits(part, { ...partOptions, accept: accept(part) }, search),
    merge: edits,
  });
}
