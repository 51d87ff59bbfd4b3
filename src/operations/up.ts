import { type Config, requireConfig } from '../config.ts';
import { createNoticeGroups } from '../core/notice-groups.ts';
import {
  byName,
  canary,
  checkOptions,
  type Kinds,
  lacks,
  maxFailures,
  type Naming,
  selection,
  wholeNumber,
} from '../core/option.ts';
import { type Canary, chooseCanaries, type MaxFailures, stopRule } from '../core/stop-rule.ts';
import { tenantsQueryFailed } from '../db/tenants.ts';
import { SqlmigError } from '../errors.ts';
import type { OnEvent } from '../events.ts';
import { readMigrations } from '../migrations.ts';
import type { SchemaOutcome, ServerWarning, UpResult } from '../model.ts';
import { createBrake } from '../run/brake.ts';
import { createDigests } from '../run/digests.ts';
import { newFiles } from '../run/lints.ts';
import type { Target } from '../run/look.ts';
import { requireFiles } from '../run/missing-files.ts';
import {
  hasWork,
  interrupted,
  isGone,
  notConfirmed,
  refusalOf,
  unconfirmed,
  unfinished,
} from '../run/outcome.ts';
import { type Run, withRun } from '../run/run.ts';
import { type RunOptions, runKinds, serviceOptions } from '../run/run-options.ts';
import { createService } from '../run/service.ts';
import { lookAtListed, type Selection, selectTenants, survey, unknownTenants } from '../run/survey.ts';
import { traced } from '../run/tracing.ts';
import { warningsOf } from '../run/warnings.ts';

/** What `up` is for and how far it goes. */
export interface UpOptions extends RunOptions {
  readonly select: Selection;
  /**
   * Stop starting tenants once so many have failed; the default is one. A percentage is of the tenants that were
   * selected when the run began.
   */
  readonly maxFailures?: MaxFailures;
  /**
   * Migrate these tenants first; if one of them fails, nothing after it starts. A number or percentage is taken of the
   * tenants that have something to apply.
   */
  readonly canary?: Canary;
  /** So many canaries may fail; the default is none. */
  readonly canaryTolerate?: number;
}

const upKinds: Kinds<UpOptions> = {
  ...runKinds,
  select: { ...selection, required: true },
  maxFailures,
  canary,
  canaryTolerate: wholeNumber(0),
};

/**
 * Checks what `up` is given, each option and what goes together.
 * @throws SqlmigError `bad-usage` naming the option.
 */
export function checkUpOptions(options: UpOptions, naming: Naming = byName): void {
  checkOptions(options, upKinds, naming);
  const { select, canary: first, canaryTolerate } = options;
  if (first === undefined && canaryTolerate !== undefined)
    throw lacks('canaryTolerate', naming.called('canary'), naming);
  if (first !== undefined && select.kind === 'public')
    throw lacks('canary', 'a selection of tenants', naming);
}

/**
 * Brings public and the selected tenants up to date.
 *
 * 1. All files are read and checked; nothing is connected yet.
 * 2. Public and all tenants are looked at without a lock; whoever has nothing to do is answered here. A folder without
 *    files whose schemas have a history ends the run.
 * 3. What is pending anywhere is parsed; a mistake, or an extension that tenants would lack, ends the run before anything
 *    was touched.
 * 4. A right that is lacking to begin with ends the run. The extensions of the config are created where they are missing.
 *    Public is served, alone. If it fails, no tenant is started.
 * 5. The gate is noted: what public holds now, checked again in every tenant's message.
 * 6. Tenants are served in parallel (`runFleet`), canaries first; the others only if those are well.
 * 7. The tenants are listed again, and newcomers are served, until there are none.
 * 8. What was committed is made durable, once for all of it; if the server crashed meanwhile, it is looked at again, and
 *    if it is gone, the tenants are reported as not confirmed.
 * 9. With `digest` in the config, digests are kept of the histories that have none.
 *
 * @throws SqlmigError where it could not begin: config, files, connection. What happens to a schema after that is an
 *   outcome in the result, and so is a history that cannot be read.
 */
export async function up(config: Config, options: UpOptions): Promise<UpResult> {
  requireConfig(config);
  checkUpOptions(options);
  return traced('up', config, options.onEvent, {
    work: (onEvent) => migrate(config, { ...options, ...(onEvent && { onEvent }) }),
    errorsOf: ({ schemas, error }) => [
      ...(error === undefined ? [] : [error]),
      ...schemas.flatMap((outcome) => (outcome.state === 'failed' ? (outcome.error ?? []) : [])),
    ],
  });
}

async function migrate(config: Config, options: UpOptions): Promise<UpResult> {
  const started = performance.now();
  const migrations = await readMigrations(config);
  const { select } = options;
  const settings = serviceOptions(options, config);
  const { signal, rehearse } = settings;
  const notices = createNoticeGroups();
  const emit: OnEvent = (event) => {
    if (event.type === 'server-notice') notices.add(event);
    settings.emit(event);
  };
  return withRun(config, { ...settings, emit }, async (run) => {
    const { database, host } = run.server;
    emit({ type: 'run-started', runId: run.runId, database, host });
    const digests = createDigests(run, { ...settings, emit });
    const found = await run.look(async (session, reader) =>
      survey(reader, migrations, select, settings.plan, config, await digests.read(session)),
    );
    const targets = [found.public, ...found.tenants];
    requireFiles(targets, migrations, config);
    // Names are checked before anything is touched, where the tenants are known already.
    if (select.kind !== 'public' && found.tenantsUnknown === null) canariesOf(found.tenants, options.canary);
    const service = createService(run, migrations, { ...settings, emit });
    // Tenants that are not known yet will need every file.
    const unknown = found.tenantsUnknown === null ? [] : migrations.tenant;
    await service.prepare([...targets.flatMap((target) => target.plan.steps), ...unknown], {
      installs: true,
      news: newFiles(found, migrations),
    });
    for (const message of [...migrations.strays, ...warningsOf(targets, migrations)])
      emit({ type: 'warning', message });
    await service.admit(targets);
    await service.install();

    const look = { scope: 'tenant', files: migrations.tenant, options: settings.plan } as const;
    const outcomes = await service.serve('public', [found.public], createBrake());
    let confirmed = rehearse || settings.sync;
    const finish = (error?: SqlmigError) => {
      const told = confirmed ? outcomes : outcomes.map(unconfirmed);
      const result = summary(run, told, started, rehearse, notices.list(), error);
      emit({ type: 'run-finished', result });
      return result;
    };
    if (outcomes.some((outcome) => outcome.error !== undefined)) {
      const error = signal.aborted ? interrupted() : publicFailed();
      const frame = { runId: run.runId, database: run.database, look };
      outcomes.push(...found.tenants.map((target) => unfinished(target, 'skipped', error, frame)));
      return finish();
    }
    if (select.kind === 'public') return finish();
    if (rehearse && found.tenantsUnknown !== null) {
      emit({
        type: 'warning',
        message: `tenants are not known until public is applied: ${found.tenantsUnknown}`,
      });
      return finish();
    }

    const list = async (seen: readonly Target[]) =>
      run.look(async (_, reader) => {
        // Of those seen nothing is read again, but for their names.
        const scans = new Map(seen.map(({ schema }) => [schema, { digest: '', scope: 'tenant' as const }]));
        const listed = await selectTenants(reader, select, config, scans);
        if ('unknown' in listed) throw tenantsQueryFailed(listed.unknown);
        const known = new Set(seen.map((target) => target.schema));
        const names = listed.names.filter((name) => !known.has(name));
        const bad = new Map([...listed.bad].filter(([name]) => !known.has(name)));
        return lookAtListed(reader, { names, bad, scans: new Map() }, look, config);
      });
    // Somebody else may have applied public while this run waited: then the list is new as well.
    const publicChanged = outcomes.some((outcome) => outcome.state === 'applied');
    const relist = !rehearse && (publicChanged || found.tenantsUnknown !== null);
    try {
      const served = relist ? await list([]) : [...found.tenants];
      const canaries = canariesOf(served, options.canary);
      const brake = createBrake(stopRule(served.length, options), canaries);
      const serve = async (targets: readonly Target[]) =>
        void outcomes.push(...(await service.serve('tenant', targets, brake)));
      if (canaries.size > 0) await serve(served.filter(({ schema }) => canaries.has(schema)));
      await serve(served.filter(({ schema }) => !canaries.has(schema)));
      while (select.kind === 'all' && !rehearse && !outcomes.some(isLeftOut)) {
        const newcomers = await list(served);
        if (newcomers.length === 0) break;
        served.push(...newcomers);
        await serve(newcomers);
      }
      for (
        let lost = await service.confirm(outcomes);
        lost.length > 0;
        lost = await service.confirm(outcomes)
      ) {
        emit({ type: 'warning', message: `the server crashed; ${lost.length} tenants are served once more` });
        const again = await service.serve('tenant', lost, createBrake());
        for (const outcome of again) {
          outcomes[outcomes.findIndex(({ schema }) => schema === outcome.schema)] = outcome;
        }
      }
      confirmed = true;
      await digests.keep(outcomes);
      return finish();
    } catch (error) {
      // What was done is done: it must be reported, whatever stands in the way of the rest.
      if (!(error instanceof SqlmigError)) throw error;
      return finish(signal.aborted ? interrupted() : error);
    }
  });
}

/** The names of the canaries among tenants. @throws SqlmigError `unknown-tenant`. */
function canariesOf(tenants: readonly Target[], canary: Canary = 0): ReadonlySet<string> {
  // What is refused from the start, or has nothing to apply, would prove nothing.
  const able = tenants.filter((target) => hasWork(target) && refusalOf(target) === null);
  const chosen = chooseCanaries(
    able.map(({ schema }) => schema),
    canary,
  );
  const known = new Set(tenants.map(({ schema }) => schema));
  const unknown = [...chosen].filter((schema) => !known.has(schema));
  const words = { what: 'selected tenant', state: 'no tenant was touched' };
  if (unknown.length > 0) throw unknownTenants(unknown, [...known], words);
  return chosen;
}

function summary(
  { runId }: Run,
  schemas: readonly SchemaOutcome[],
  started: number,
  rehearsed: boolean,
  warnings: readonly ServerWarning[],
  error: SqlmigError | undefined,
): UpResult {
  const count = (state: SchemaOutcome['state']) =>
    schemas.filter((outcome) => outcome.state === state).length;
  const open = schemas.filter((outcome) => outcome.confirmed === false).length;
  const failed = count('failed');
  const skipped = count('skipped');
  return {
    ok: failed + open === 0 && !schemas.some(isLeftOut) && error === undefined,
    ...(rehearsed && { rehearsed }),
    runId,
    applied: count('applied'),
    upToDate: count('up-to-date'),
    failed,
    skipped,
    unconfirmed: open,
    durationMs: Math.round(performance.now() - started),
    schemas,
    warnings,
    ...(error && { error: (open === 0 ? error : notConfirmed(error, open)).details }),
  };
}

/** True for a schema that this run should have served, and did not begin with. */
function isLeftOut(outcome: SchemaOutcome): boolean {
  return outcome.state === 'skipped' && !isGone(outcome);
}

function publicFailed(): SqlmigError {
  return new SqlmigError('public-failed', 'not started: public failed, and it comes first', {
    hint: 'correct what is wrong in public and run sqlmig up again',
  });
}
