import type { CostEstimate, RehearsalSample } from '../cost-results.ts';
import type { RehearsedFile, SchemaOutcome, ScopeName } from '../results.ts';
import type { Sample } from './sample.ts';

/** The costs of files in samples, each with an estimate for all tenants in which the file is pending. */
export function withEstimates(
  costs: readonly RehearsedFile[],
  schemas: readonly SchemaOutcome[],
  samples: ReadonlyMap<ScopeName, Sample>,
): RehearsedFile[] {
  return costs.map((cost) => {
    const sample = samples.get(cost.scope);
    const all = sample?.files.get(cost.file);
    // Without rows, the time says nothing about size.
    if (sample === undefined || all === undefined || cost.scratch) return cost;
    const measured = schemas.filter(
      ({ scope, costs: own = [] }) => scope === cost.scope && own.some(({ file }) => file === cost.file),
    );
    const bytes = measured.reduce((sum, { schema }) => sum + sample.bytesOf(schema), 0);
    const byCount = (cost.totalMs * all.tenants) / cost.schemas;
    const estimate = {
      tenants: all.tenants,
      bySizeMs: bytes === 0 ? null : Math.round((cost.totalMs * all.bytes) / bytes),
      byCountMs: Math.round(byCount),
    };
    return { ...cost, estimate };
  });
}

/** The costs of several databases, each with the sum of its estimates. */
export function withSums(costs: readonly RehearsedFile[], each: readonly RehearsedFile[]): RehearsedFile[] {
  const sums = new Map<string, CostEstimate>();
  for (const { file, estimate } of each) {
    if (estimate === undefined) continue;
    const sum = sums.get(file) ?? { tenants: 0, bySizeMs: 0, byCountMs: 0 };
    const isSized = sum.bySizeMs !== null && estimate.bySizeMs !== null;
    sums.set(file, {
      tenants: sum.tenants + estimate.tenants,
      bySizeMs: isSized ? Number(sum.bySizeMs) + Number(estimate.bySizeMs) : null,
      byCountMs: sum.byCountMs + estimate.byCountMs,
    });
  }
  return costs.map((cost) => {
    const estimate = sums.get(cost.file);
    return estimate === undefined ? cost : { ...cost, estimate };
  });
}

/** The samples of several databases as one. */
export function sumOfSamples(samples: readonly RehearsalSample[]): RehearsalSample {
  const sum = (key: keyof RehearsalSample) => samples.reduce((total, sample) => total + sample[key], 0);
  return {
    tenants: sum('tenants'),
    sampled: sum('sampled'),
    bytes: sum('bytes'),
    sampledBytes: sum('sampledBytes'),
  };
}
