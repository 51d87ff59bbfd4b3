import type { PlanResult, StatusResult } from '../results.ts';
import type { VerifyResult } from '../verify-results.ts';
import { mergedScopes, ofEachScope, type ScopeParts } from './scopes.ts';

/** The result of `status` for the files of all tenants and those of each kind as one. */
export function statusOfScopes(parts: ScopeParts<StatusResult>): StatusResult {
  return { ...mergedScopes(parts), schemas: ofEachScope(parts, ({ schemas }) => schemas) };
}

/** The result of `plan` for the files of all tenants and those of each kind as one. */
export function planOfScopes(parts: ScopeParts<PlanResult>): PlanResult {
  return {
    ...mergedScopes(parts),
    schemas: ofEachScope(parts, ({ schemas }) => schemas),
    warnings: ofEachScope(parts, ({ warnings }) => warnings),
  };
}

/** The result of `verify` for the files of all tenants and those of each kind as one. */
export function verifyOfScopes(parts: ScopeParts<VerifyResult>): VerifyResult {
  return {
    ...mergedScopes(parts),
    findings: ofEachScope(parts, ({ findings }) => findings),
    schemas: ofEachScope(parts, ({ schemas }) => schemas),
  };
}
