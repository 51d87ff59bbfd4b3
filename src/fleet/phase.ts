import { SqlmigError } from '../errors.ts';
import { appliedMigration } from '../execute/attempt.ts';
import type { Finish } from '../execute/create-whole.ts';
import { asSqlmigError } from '../execute/failure.ts';
import { defaults } from '../project/defaults.ts';
import { changesSharedRows } from '../protocol/catalog-key.ts';
import { unitSettings } from '../protocol/unit-settings.ts';
import type { SchemaOutcome, Scope } from '../results.ts';
import type { Run } from '../run/run.ts';
import type { Session } from '../server/session.ts';
import type { Migration } from '../sql/migration.ts';
import { listedNow } from '../state/fleet-state.ts';
import { rereadMarked } from '../state/marks.ts';
import { basisOf } from '../state/plan-source.ts';
import type { Target } from '../state/target.ts';
import { noteAttempted } from '../state/undo-basis.ts';
import { applySchema, type SchemaWork } from './apply-schema.ts';
import { createFromSnapshot, createSchema } from './create-schema.ts';
import { createFleet, type Fleet } from './fleet.ts';
import type { FleetWork } from './fleet-work.ts';
import { unitSchema } from './gate.ts';
import { createGatekeeper, type Gatekeeper } from './gatekeeper.ts';
import { createLockWatch } from './lock-watch.ts';
import type { Migrator } from './migrator.ts';
import { hasWork } from './outcome.ts';
import { unrehearsedWarnings } from './rehearsable.ts';
import { rehearseSchema } from './rehearse-schema.ts';
import { createSchemaBatches, type SchemaBatches } from './schema-batches.ts';
import { schemaRefusal } from './schema-errors.ts';
import type { Scripts } from './scripts.ts';

/** Migrates public, alone, or rehearses it. */
export async function migratePublic(migrator: Migrator, target: Target): Promise<SchemaOutcome> {
  const fleet = openFleet(migrator, {
    scope: 'public',
    concurrency: 1,
    gatekeeper: null,
    shared: null,
    createsUnlisted: true,
  });
  await begin(migrator, 'public', [target]);
  const [outcome] = await fleet.migrate([target]);
  if (outcome === undefined) throw new RangeError('one schema gives one outcome');
  return outcome;
}

/** Tenants that are migrated under the same rules: the listed ones, and later the new ones. */
export interface TenantPhase {
  /** Brings tenants up to date, or rehearses that; returns one outcome each, in the order of `targets`. */
  migrate(targets: readonly Target[]): Promise<SchemaOutcome[]>;
  /** As in `Fleet`. */
  readonly checkFailure: SqlmigError | null;
}

/** Opens the tenants' phase. */
export function openTenantPhase(
  migrator: Migrator,
  { shared, ...more }: Pick<Phase, 'shared' | 'rules' | 'createsUnlisted' | 'whole'>,
): TenantPhase {
  const { run, settings, scripts, snapshots } = migrator;
  const gatekeeper = createGatekeeper(migrator);
  const publicFirst = settings.rehearse && shared !== null && hasWork(shared) ? shared : null;
  // Such a rehearsal locks public exclusively, so others would only wait for it.
  const isAlone = publicFirst !== null || scripts.installing !== '';
  const concurrency = isAlone ? 1 : workersOf(run);
  const fleet = openFleet(migrator, {
    scope: 'tenant',
    concurrency,
    gatekeeper,
    shared: publicFirst,
    ...more,
  });
  return {
    async migrate(targets) {
      if (!settings.rehearse && targets.some(hasWork)) {
        await scripts.parse(targets.flatMap(snapshots.rest));
        await gatekeeper.open();
      }
      await begin(migrator, 'tenant', targets);
      return fleet.migrate(targets);
    },
    get checkFailure() {
      return fleet.checkFailure;
    },
  };
}

async function begin(
  { run, settings, source, scripts, checkRights }: Migrator,
  scope: Scope,
  targets: readonly Target[],
) {
  await checkRights(targets);
  const pending = targets.filter(hasWork).length;
  // What up leaves out is rehearsed at its end, except in kinds (see `rehearseLeftOut`).
  const isLeft = basisOf(source, scope).undo !== undefined || source.config.scope !== null;
  if (settings.rehearse && isLeft) {
    for (const message of unrehearsedWarnings(scope, targets, scripts.all))
      settings.emit({ type: 'warning', message });
  }
  settings.emit({ type: 'phase-started', scope, total: targets.length, pending });
  if (pending > 0) await run.ended();
}

/** How many tenants a run migrates in parallel. */
export function workersOf({ config, server }: Run): number {
  return config.concurrency ?? defaultConcurrency(server.version);
}

/**
 * The default number of workers. Up to PostgreSQL 16 each new index waits for the disk, and other sessions can use that
 * time. From 17 on it does not, and more sessions than cores only invalidate each other's catalog caches.
 */
function defaultConcurrency(serverVersion: number): number {
  return serverVersion >= 170_000 ? defaults.concurrency : defaults.concurrencyBefore17;
}

/** How the schemas of a scope are migrated. */
interface Phase extends Pick<FleetWork, 'rules' | 'createsUnlisted'> {
  readonly scope: Scope;
  readonly concurrency: number;
  readonly gatekeeper: Gatekeeper | null;
  /** Public, if its pending files run first in the rehearsal of each tenant. */
  readonly shared: Target | null;
  /** Create each missing schema in one transaction, in which `finish` runs last. */
  readonly whole?: { readonly finish?: Finish };
}

function openFleet(migrator: Migrator, { scope, gatekeeper, shared, whole, ...rest }: Phase): Fleet {
  const { run, source, settings, context } = migrator;
  const { config, runId, database } = run;
  const basis = basisOf(source, scope);
  const gateOf = () => gatekeeper?.gate ?? null;
  const build = async (session: Session, work: Omit<SchemaWork, 'gate'>) => {
    const isNew = migrator.snapshots.isNew(work.target) && whole?.finish === undefined;
    const made = isNew ? await createFromSnapshot(migrator, session, { ...work, gate: gateOf() }) : null;
    // As without a snapshot, `up` keeps what the files before a failure have built.
    if (made !== null && (whole !== undefined || made.kind !== 'failed')) return made;
    if (isNew) {
      // The files that the snapshot would have replaced are not parsed yet.
      await migrator.scripts.parse(work.target.plan.steps);
      await gatekeeper?.open();
    }
    const gated = { ...work, gate: gateOf() };
    return whole === undefined
      ? applySchema(migrator, session, gated)
      : createSchema(migrator, session, { ...gated, finish: whole.finish });
  };
  const attempt: FleetWork['attempt'] = async (session, target, limits) => {
    try {
      return await (settings.rehearse
        ? rehearseSchema(migrator, session, { target, shared, measures: true })
        : build(session, { target, limits }));
    } catch (error) {
      return { kind: 'failed', error: asSqlmigError(error, target.schema) };
    }
  };
  const lockWatch = createLockWatch(run, settings.lockTimeoutMs, settings.emit);
  const fleet = createFleet({
    ...rest,
    blockersOf: lockWatch.blockersOf,
    hasWork,
    schemaRefusal,
    attempt,
    emit: settings.emit,
    batches:
      scope === 'public' || settings.rehearse ? null : batchesOf(migrator, gatekeeper, rest.concurrency),
    context: { runId, database, basis },
    openSession: () => run.openSession(unitSettings(scope, context)),
    hasRead: run.hasRead,
    waitForLockMs: settings.waitForLockMs,
    rereadTarget: (session, schema) => rereadMarked(run.readerOn(session), source, { schema, basis }),
    isListed: async (session, schema) => {
      const listed = await listedNow(run.readerOn(session), config);
      return listed === null || listed.has(schema);
    },
    refreshGate: async (session) => gatekeeper?.refresh(session),
    isLogged: !settings.rehearse && basis.undo === undefined,
    ending: run.ending,
    signal: settings.signal,
  });
  return {
    migrate: (targets) => lockWatch.during(() => fleet.migrate(targets)),
    get checkFailure() {
      return fleet.checkFailure;
    },
  };
}

function batchesOf(
  { scripts, context, source }: Migrator,
  gatekeeper: Gatekeeper | null,
  concurrency: number,
) {
  const part = (target: Target, migration: Migration) => {
    const script = scriptFor(scripts, migration, target);
    // Only the message of a single schema upgrades its history.
    if (script === undefined || script.nonTransactional !== null || !target.isCurrent) return null;
    const schema = unitSchema(target, gatekeeper?.gate ?? null);
    return changesSharedRows(script, schema) ? null : { schema, script };
  };
  const batches = createSchemaBatches(part, context, concurrency);
  const { undo } = basisOf(source, 'tenant');
  if (undo === undefined) return batches;
  const attempt: SchemaBatches['attempt'] = (session, targets) => {
    for (const { schema, plan } of targets)
      noteAttempted(
        undo,
        schema,
        plan.steps.map((step) => appliedMigration(step)),
      );
    return batches.attempt(session, targets);
  };
  return { ...batches, attempt };
}

function scriptFor(scripts: Scripts, migration: Migration, { schema }: Target) {
  try {
    return scripts.get(migration, schema);
  } catch (error) {
    // The schema fails with this error when it is migrated alone.
    if (error instanceof SqlmigError) return undefined;
    throw error;
  }
}
