import { sumOfSamples, withSums } from '../fleet/estimate.ts';
import { unrehearsedIn } from '../fleet/unrehearsed.ts';
import { worstCosts } from '../fleet/worst-costs.ts';
import type { DownResult, ServerWarning, UpResult } from '../results.ts';
import { mergedOutcomes, resultsOf } from './merged.ts';
import type { Part } from './parts.ts';

/** The result of `up` in several databases as one. */
export function mergedUp(parts: readonly Part<UpResult>[], runId: string): UpResult {
  const results = resultsOf(parts);
  const samples = results.flatMap(({ sample }) => sample ?? []);
  return {
    ...mergedRun(parts, runId),
    ...(samples.length > 0 && { sample: sumOfSamples(samples) }),
    applied: sum(results, ({ applied }) => applied),
    upToDate: sum(results, ({ upToDate }) => upToDate),
    schemas: results.flatMap(({ schemas }) => schemas),
  };
}

/** The result of `down` in several databases as one. */
export function mergedDown(parts: readonly Part<DownResult>[], runId: string): DownResult {
  const results = resultsOf(parts);
  return {
    ...mergedRun(parts, runId),
    ...(results.some(({ declined }) => declined) && { declined: true }),
    undone: sum(results, ({ undone }) => undone),
    unchanged: sum(results, ({ unchanged }) => unchanged),
    schemas: results.flatMap(({ schemas }) => schemas),
  };
}

/** What has an error and an `ok` of its own in each database. */
function mergedRun(parts: readonly Part<UpResult | DownResult>[], runId: string) {
  const results = resultsOf(parts);
  const schemas = results.flatMap((result) => [...result.schemas]);
  return {
    ...mergedOutcomes(parts),
    ...(results.some(({ rehearsed }) => rehearsed) && {
      rehearsed: true,
      costs: withSums(
        worstCosts(schemas),
        results.flatMap(({ costs = [] }) => costs),
      ),
      unrehearsed: unrehearsedIn(schemas),
    }),
    runId,
    failed: sum(results, ({ failed }) => failed),
    skipped: sum(results, ({ skipped }) => skipped),
    unconfirmed: sum(results, ({ unconfirmed }) => unconfirmed),
    durationMs: Math.max(...results.map(({ durationMs }) => durationMs)),
    warnings: parts.flatMap(warningsOf),
  };
}

function warningsOf(part: Part<UpResult | DownResult>): ServerWarning[] {
  const { database } = part;
  return 'result' in part ? part.result.warnings.map((warning) => ({ ...warning, database })) : [];
}

function sum<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((total, item) => total + numberOf(item), 0);
}
