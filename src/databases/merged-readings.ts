import type { DownPlan, PlanResult, StatusResult } from '../results.ts';
import type { VerifyResult } from '../verify-results.ts';
import { mergedOutcomes, resultsOf } from './merged.ts';
import type { Part } from './parts.ts';

/** The result of `status` in several databases as one. */
export function mergedStatus(parts: readonly Part<StatusResult>[]): StatusResult {
  return { ...mergedOutcomes(parts), schemas: resultsOf(parts).flatMap(({ schemas }) => schemas) };
}

/** The result of `plan` in several databases as one. */
export function mergedPlan(parts: readonly Part<PlanResult>[]): PlanResult {
  const results = resultsOf(parts);
  return {
    ...mergedOutcomes(parts),
    schemas: results.flatMap(({ schemas }) => schemas),
    warnings: results.flatMap(({ warnings }) => warnings),
  };
}

/** What `down` would do in several databases as one. */
export function mergedDownPlan(parts: readonly Part<DownPlan>[]): DownPlan {
  return { ...mergedOutcomes(parts), schemas: resultsOf(parts).flatMap(({ schemas }) => schemas) };
}

/** The result of `verify` in several databases as one. */
export function mergedVerify(parts: readonly Part<VerifyResult>[]): VerifyResult {
  const { ok, databases } = mergedOutcomes(parts);
  const results = resultsOf(parts);
  return {
    ok,
    findings: results.flatMap(({ findings }) => findings),
    schemas: results.flatMap(({ schemas }) => schemas),
    databases: databases.map((outcome, i) => {
      const part = parts[i];
      const structure = part !== undefined && 'result' in part ? part.result.structure : undefined;
      return { ...outcome, ...(structure !== undefined && { structure }) };
    }),
  };
}
