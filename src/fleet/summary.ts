import type { SqlmigError } from '../errors.ts';
import type { RunEvent } from '../events.ts';
import type { SchemaOutcome, ScopeName, UpResult } from '../results.ts';
import { sumOfSamples, withEstimates } from './estimate.ts';
import { createNoticeGroups } from './notice-groups.ts';
import { isGone, outcomeKey, unconfirmed } from './outcome.ts';
import type { Sample } from './sample.ts';
import { notConfirmed } from './schema-errors.ts';
import { unrehearsedIn } from './unrehearsed.ts';
import { worstCosts } from './worst-costs.ts';

/** Collects the outcomes of a run, and makes its result. */
export interface Summary {
  /** Collects the notices of the server. */
  hear(event: RunEvent): void;
  /** Adds outcomes. A later outcome of a schema replaces the earlier one. */
  add(outcomes: readonly SchemaOutcome[]): void;
  readonly outcomes: readonly SchemaOutcome[];
  readonly hasErrors: boolean;
  readonly hasApplied: boolean;
  /** True if a schema that this run should have migrated was not started. */
  readonly hasLeftOut: boolean;
  /** Notes that all commits are on disk. */
  confirm(): void;
  /** Notes the sample of a scope that is rehearsed instead of all its tenants. */
  addSample(scope: ScopeName, sample: Sample): void;
  /** The samples of scopes. */
  readonly samples: ReadonlyMap<ScopeName, Sample>;
  /** The result; `error` stopped the run and is not the error of a schema. */
  result(runId: string, error?: SqlmigError): UpResult;
}

/** The summary of a run that starts now. A rehearsal is rolled back, so it needs no confirmation. */
export function createSummary({
  rehearse,
  sync,
  undoes,
}: {
  readonly rehearse: boolean;
  readonly sync: boolean;
  /** The run is one of `down`. */
  readonly undoes?: true;
}): Summary {
  const started = performance.now();
  const notices = createNoticeGroups();
  const byKey = new Map<string, SchemaOutcome>();
  let confirmed = rehearse || sync;
  const samples = new Map<ScopeName, Sample>();
  const outcomes = () => [...byKey.values()];
  return {
    hear(event) {
      if (event.type === 'server-notice') notices.add(event);
    },
    add(added) {
      for (const outcome of added) byKey.set(outcomeKey(outcome), outcome);
    },
    get outcomes() {
      return outcomes();
    },
    get hasErrors() {
      return outcomes().some(({ error }) => error !== undefined);
    },
    get hasApplied() {
      return outcomes().some(({ state }) => state === 'applied');
    },
    get hasLeftOut() {
      return outcomes().some(isLeftOut);
    },
    confirm() {
      confirmed = true;
    },
    addSample: (scope, sample) => void samples.set(scope, sample),
    samples,
    result(runId, error) {
      const schemas = confirmed ? outcomes() : outcomes().map(unconfirmed);
      const count = (state: SchemaOutcome['state']) =>
        schemas.filter((outcome) => outcome.state === state).length;
      const open = schemas.filter((outcome) => outcome.confirmed === false).length;
      const failed = count('failed');
      return {
        ok: failed + open === 0 && !schemas.some(isLeftOut) && error === undefined,
        ...(rehearse && { rehearsed: true, ...costsOfRehearsal(schemas, samples) }),
        runId,
        applied: count('applied'),
        upToDate: count('up-to-date'),
        failed,
        skipped: count('skipped'),
        unconfirmed: open,
        durationMs: Math.round(performance.now() - started),
        schemas,
        warnings: notices.list(),
        ...(error && {
          error: (open === 0 ? error : notConfirmed(error, open, undoes ? { undoes } : {})).details,
        }),
      };
    },
  };
}

function costsOfRehearsal(schemas: readonly SchemaOutcome[], samples: Summary['samples']) {
  const costs = withEstimates(worstCosts(schemas), schemas, samples);
  const facts = [...samples.values()].map((sample) => sample.facts);
  return {
    costs,
    unrehearsed: unrehearsedIn(schemas),
    ...(facts.length > 0 && { sample: sumOfSamples(facts) }),
  };
}

/** True for a schema that this run should have migrated and did not start. One that was only not rehearsed has no error. */
function isLeftOut(outcome: SchemaOutcome): boolean {
  return outcome.state === 'skipped' && outcome.error !== undefined && !isGone(outcome);
}
