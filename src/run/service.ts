import { newestVersion } from '../core/plan.ts';
import { after, applyUnits } from '../db/apply.ts';
import type { Attempt } from '../db/attempt.ts';
import { changesSharedRows } from '../db/catalogue-key.ts';
import { createExtension, installExtension, type WantedExtension } from '../db/extensions.ts';
import { asSqlmigError } from '../db/failure.ts';
import { flush } from '../db/flush.ts';
import { rehearseUnits } from '../db/rehearse.ts';
import type { Session } from '../db/session.ts';
import { applyStepwise } from '../db/stepwise.ts';
import type { UnitFrame, UnitSchema } from '../db/unit-frame.ts';
import { unitSettings } from '../db/unit-locks.ts';
import { type Migrations, parseMigrations } from '../migrations.ts';
import type { AppliedMigration, Migration, SchemaOutcome, Scope, Script } from '../model.ts';
import type { Brake } from './brake.ts';
import { createConvoys } from './convoys.ts';
import { directUrlNeeded } from './direct-url.ts';
import { extensionsToCreate, requireExtensions, settleExtensions } from './extensions.ts';
import { type FleetWork, runFleet } from './fleet.ts';

import { createGate, type Gate, missingOnPath, unitSchema } from './gate.ts';
import { createLane, suitableLanes } from './lane.ts';

import { createLimit } from './limit.ts';
import { lintFindings } from './lints.ts';
import { createLockWatch } from './lock-watch.ts';
import { lookAgain, lookAt, type Target } from './look.ts';
import { hasWork, refusalOf } from './outcome.ts';
import { leftOut, rehearsable } from './rehearsable.ts';
import { createAdmission } from './rights.ts';
import { type Run, unitFrame } from './run.ts';
import type { ServiceOptions } from './run-options.ts';
import { listedNow, lookAtPublic, withoutGone } from './survey.ts';
import { timeTurns } from './turn-times.ts';
import { createTurns, groups } from './turns.ts';

/** Serves schemas of one run: parses what they need, keeps the gate between public and tenants, runs the fleet. */
export interface Service {
  /**
   * Parses migrations before any of them runs, and warns of the lints of those that are new. `installs`: extensions of
   * the config that are missing will be there (see `install`). @throws SqlmigError with every mistake.
   */
  prepare(
    steps: readonly Migration[],
    how?: { readonly installs: boolean; readonly news: ReadonlySet<Migration> },
  ): Promise<void>;
  /**
   * Looks whether the server will let a run begin in these schemas, once each.
   * @throws SqlmigError `server-refused` with the GRANT to run.
   */
  admit(targets: readonly Target[]): Promise<void>;
  /** Creates those extensions; a rehearsal does it in its own transactions. */
  install(): Promise<void>;
  /** Brings schemas of one scope up to date; tenants only while public holds what it held at the first of them. */
  serve(scope: Scope, targets: readonly Target[], brake: Brake): Promise<SchemaOutcome[]>;
  /**
   * Makes what was applied to tenants durable, with one flush of the server's log for all of it. Gives those that a
   * crash of the server before that has set back: they have work again.
   * @throws SqlmigError where that cannot be had: then nobody knows what is on disk.
   */
  confirm(outcomes: readonly SchemaOutcome[]): Promise<Target[]>;
}

const nothingNew = { installs: false, news: new Set<Migration>() };

/** A service on a run's own connection. */
export function createService(run: Run, migrations: Migrations, options: ServiceOptions): Service {
  const { config, runId, database } = run;
  const { plan, emit, signal } = options;
  const frame: UnitFrame = unitFrame(run, options);
  const scripts = new Map<Migration, Script>();
  let gate: Gate | null = null;
  let rehearsedPublic: Target | null = null;
  const admit = createAdmission(run);
  let lacking: readonly WantedExtension[] = [];

  const prepare: Service['prepare'] = async (steps, { installs, news } = nothingNew) => {
    const missing = steps.filter((step) => !scripts.has(step));
    if (missing.length === 0 && !installs) return;
    const parsed = [...(await parseMigrations(missing, migrations)).values()];
    const settled = await run.look(async (session) => {
      if (installs) lacking = await extensionsToCreate(session, parsed, config);
      return settleExtensions(session, parsed, lacking, config);
    });
    requireExtensions(settled.missing);
    for (const script of settled.scripts) {
      if (script.nonTransactional !== null && run.pooled && (await run.exclusive()) === null)
        throw directUrlNeeded(script);
      scripts.set(script.migration, script);
      if (!news.has(script.migration)) continue;
      for (const { file, line, column, message } of lintFindings([script], database)) {
        emit({ type: 'warning', message: `${file}:${line}:${column}: ${message}` });
      }
    }
  };
  const readGate = async (session: Session): Promise<Gate> => {
    const reader = { session, spare: async () => null, wait: run.wait };
    const shared = await lookAtPublic(reader, migrations, plan, config);
    return createGate(
      session,
      { shared, upTo: newestVersion(migrations.public), scripts: [...scripts.values()] },
      gate,
      config,
    );
  };

  const scriptsOf = async ({ plan: { steps } }: Target) => {
    await prepare(steps);
    return steps.flatMap((step) => scripts.get(step) ?? []);
  };
  const indexJobs = createLimit(options.concurrentIndexJobs);
  const { inTurn, learn } = createTurns(scripts);
  // Behind a pooler a session is not ours alone; otherwise the lane's is.
  const stepwise = async (from: Session, script: Script, schema: UnitSchema): Promise<Attempt> => {
    const open = run.pooled ? await run.exclusive() : null;
    if (open === null) return applyStepwise(from, script, schema, frame);
    const direct = createLane(open, signal);
    try {
      return await applyStepwise(await direct.session(), script, schema, frame);
    } finally {
      await direct.close();
    }
  };
  const apply = async (from: Session, target: Target): Promise<Attempt> => {
    let schema = unitSchema(target, gate);
    let bootstrap = !target.hasHistory;
    const done: AppliedMigration[] = [];
    for (const group of groups(await scriptsOf(target), schema)) {
      const [first] = group;
      const at = schema;
      const creates = bootstrap;
      const joined = () => applyUnits(from, at, first?.nonTransactional ? [] : group, creates, frame, signal);
      let attempt = first?.nonTransactional ? await joined() : await inTurn(group, at, joined);
      if (attempt.kind === 'done' && first?.nonTransactional) {
        attempt = await indexJobs(() => inTurn(group, at, () => stepwise(from, first, at)));
      }
      learn(attempt);
      if (attempt.kind !== 'done') return attempt;
      done.push(...attempt.applied);
      schema = after(schema, group);
      bootstrap = false;
    }
    return { kind: 'done', applied: done };
  };
  const convoyPart = (target: Target, migration: Migration) => {
    const script = scripts.get(migration);
    if (script === undefined || script.nonTransactional !== null) return null;
    const schema = unitSchema(target, gate);
    return changesSharedRows(script, schema) ? null : { schema, script };
  };
  const rehearse = async (from: Session, target: Target): Promise<Attempt> => {
    const part = async (of: Target) => {
      const { scripts } = rehearsable(await scriptsOf(of));
      return { schema: unitSchema(of, null), scripts, bootstrap: !of.hasHistory };
    };
    const before = rehearsedPublic !== null && hasWork(rehearsedPublic) ? [await part(rehearsedPublic)] : [];
    const last = await part(target);
    const extensions = lacking.map((wanted) => `${createExtension(wanted)};\n`).join('');
    return inTurn(last.scripts, last.schema, () => rehearseUnits(from, [...before, last], frame, extensions));
  };
  const attempt: FleetWork['attempt'] = async (from, target) => {
    try {
      return await (options.rehearse ? rehearse(from, target) : apply(from, target));
    } catch (error) {
      return { kind: 'failed', error: asSqlmigError(error, target.schema) };
    }
  };

  return {
    prepare,
    admit,
    async install() {
      if (options.rehearse) return;
      for (const wanted of lacking) await run.look((session) => installExtension(session, wanted, frame));
      lacking = [];
    },
    async serve(scope, targets, brake) {
      const pending = targets.filter(hasWork).length;
      await admit(targets);
      // A rehearsed tenant brings public along in its own transaction.
      if (scope === 'tenant' && pending > 0 && !options.rehearse) {
        await prepare(targets.flatMap(({ plan: { steps } }) => steps));
        // Newcomers may need files that nobody needed before.
        const isFirst = gate === null;
        if (gate?.scripts !== scripts.size) gate = await run.look(readGate);
        for (const name of isFirst ? missingOnPath(gate, config) : []) {
          emit({
            type: 'warning',
            message: `searchPath names schema ${name}, which ${database} does not have`,
          });
        }
      }
      for (const message of options.rehearse ? leftOut(scope, targets, scripts) : [])
        emit({ type: 'warning', message });
      emit({ type: 'phase-started', scope, total: targets.length, pending });
      const look = { scope, files: migrations[scope], options: plan };
      // Rehearsals that bring public along hold it exclusively: more than one at a time would only wait.
      const alone =
        scope === 'public' || lacking.length > 0 || (rehearsedPublic !== null && hasWork(rehearsedPublic));
      const lanes = alone ? 1 : (config.concurrency ?? suitableLanes(run.server.version));
      if (pending > 0) await run.ended();
      const lockWatch = createLockWatch(run, options.lockTimeoutMs, emit);
      const outcomes = await runFleet(targets, {
        blockersOf: lockWatch.blockersOf,
        hasWork,
        refusalOf,
        ...timeTurns({ attempt, emit }),
        convoys: scope === 'public' || options.rehearse ? null : createConvoys(convoyPart, frame, lanes),
        outcomes: { runId, database, look },
        openSession: () => run.openSession(unitSettings(scope, frame)),
        lanes,
        brake,
        waitForLockMs: options.waitForLockMs,
        lookAgain: (session, schema) => lookAgain(session, schema, look, config, run.wait),
        isListed: async (session, schema) => {
          const listed = await listedNow({ session, spare: async () => null, wait: run.wait }, config);
          return listed === null || listed.has(schema);
        },
        refreshGate: async (from) => {
          gate = await readGate(from);
        },
        ending: run.ending,
        signal,
      }).finally(lockWatch.stop);
      if (options.rehearse && scope === 'public') rehearsedPublic = targets[0] ?? null;
      return outcomes;
    },
    async confirm(outcomes) {
      const applied = outcomes.filter(({ scope, migrations: done }) => scope === 'tenant' && done.length > 0);
      if (applied.length === 0 || options.rehearse || options.sync) return [];
      // Cancels are still being sent when a run is interrupted, so the first one may be cancelled.
      await run.look(flush).catch((error: unknown) => {
        if (!signal.aborted) throw error;
        return run.look(flush);
      });
      // A crash ends every session: where the run's own one lived through all of it, there was none.
      if (run.undisturbed()) return [];
      const look = { scope: 'tenant', files: migrations.tenant, options: plan } as const;
      const wanted = applied
        .filter(({ state }) => state === 'applied')
        .map(({ schema }) => ({ schema, look }));
      const now = await run.look(async (_, reader) => {
        const targets = await lookAt(wanted, { ...reader, scans: new Map() }, config.historyTable);
        return withoutGone(reader, targets, config);
      });
      return now.filter(hasWork);
    },
  };
}
