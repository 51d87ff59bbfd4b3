import { SqlmigError } from '../errors.ts';
import type { Selection } from '../project/selection.ts';
import type { SchemaOutcome } from '../results.ts';
import { namedScope } from '../state/scope-names.ts';
import type { Target } from '../state/target.ts';
import { endedBy, failuresLeft, reasonToStop } from './between-scopes.ts';
import { canariesAmong, canariesIn, type TenantKind } from './kinds.ts';
import { migrateTenants, notStarted } from './migrate-tenants.ts';
import { type EarlierScope, readReadyTenants, rehearsableTenants } from './ready-tenants.ts';
import { interrupted } from './schema-errors.ts';
import { createSummary, type Summary } from './summary.ts';
import type { UpOptions } from './up-options.ts';

/** What was migrated before the kinds: the scope of all tenants, the outcomes, and the error that ended the run. */
interface Before extends Omit<EarlierScope, 'name'> {
  readonly summary: Summary;
  readonly error: SqlmigError | undefined;
}

/**
 * Migrates the tenants of each kind, one kind after the other, and adds their outcomes to the summary. It leaves out
 * tenants in which an earlier scope failed or was not started. Once a scope has stopped, or enough tenants have failed to
 * stop a run, no further kind starts. Returns the error that stopped the run, if it is not the error of a schema.
 */
export async function migrateKinds(
  kinds: readonly TenantKind[],
  { migrator, found, summary, error: before }: Before,
): Promise<SqlmigError | undefined> {
  const earlier: EarlierScope[] = [{ name: 'tenant', migrator, found }];
  let error = before;
  for (const kind of kinds) {
    const stop = error === undefined ? stopBefore(kind, summary.outcomes) : endedBy(error, onceCorrected);
    const turn: KindTurn =
      stop === null
        ? await migrateKind(kind, earlier, summary.outcomes)
        : { outcomes: kind.found.tenants.map((target) => notStarted(kind.migrator, target, stop)), error };
    summary.add(turn.outcomes.map((outcome) => namedScope(outcome, kind.migrator.run.config)));
    for (const [scope, sample] of turn.samples ?? []) summary.addSample(scope, sample);
    error = turn.error;
    earlier.push(kind);
  }
  return error;
}

const onceCorrected = 'correct what failed, then continue with: sqlmig up --only-failed';

function stopBefore(
  { migrator: { settings }, found, options }: TenantKind,
  outcomes: readonly SchemaOutcome[],
): SqlmigError | null {
  const size = found.tenants.length;
  return reasonToStop({ settings, size, options, isLogged: !settings.rehearse }, outcomes);
}

/** The outcomes of the tenants of a kind, and the error that stopped it. */
interface KindTurn {
  readonly outcomes: readonly SchemaOutcome[];
  readonly error: SqlmigError | undefined;
  readonly samples?: Summary['samples'];
}

async function migrateKind(
  kind: TenantKind,
  earlier: readonly EarlierScope[],
  before: readonly SchemaOutcome[],
): Promise<KindTurn> {
  const { migrator, found, options, digests } = kind;
  const { run, settings } = migrator;
  const summary = createSummary(settings);
  try {
    const { ready, behind } = settings.rehearse
      ? rehearsableTenants(kind, earlier)
      : await readReadyTenants(kind, earlier, before);
    const turn = {
      // Outside a rehearsal, `readReadyTenants` has just listed them.
      found: { ...found, tenants: ready, tenantsUnknown: settings.rehearse ? found.tenantsUnknown : null },
      options: {
        ...options,
        maxFailures: failuresLeft(ready.length, options, before),
        ...readyCanaries(kind, ready),
      },
      select: noNewcomers,
      summary,
      digests,
    };
    // Only this run writes rows in a temporary database.
    if (migrator.context.confined) migrator.snapshots.complete(ready.map(({ schema }) => schema));
    const error = await migrateTenants(migrator, turn);
    const { samples } = summary;
    return { outcomes: [...summary.result(run.runId, error).schemas, ...behind], error, samples };
  } catch (error) {
    if (!(error instanceof SqlmigError)) throw error;
    return { outcomes: [], error: settings.signal.aborted ? interrupted() : error };
  }
}

/** The canaries of a kind that are ready. In a rehearsal there may be none. */
function readyCanaries(
  { name, migrator: { settings }, options: { canary } }: TenantKind,
  tenants: readonly Target[],
): Pick<UpOptions, 'canary'> {
  if (!settings.rehearse) return canariesIn({ tenants, tenantsUnknown: null }, canary, name);
  return typeof canary === 'object' && 'names' in canary ? canariesAmong(tenants, canary) : {};
}

// A tenant that is added now may lack what runs before the files of the kind.
const noNewcomers: Selection = { kind: 'tenants', names: [], ifListed: true };
