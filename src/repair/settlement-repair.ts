import type { SqlmigError } from '../errors.ts';
import type { Attempt } from '../execute/attempt.ts';
import type { Names } from '../execute/invalid-indexes.ts';
import { applyNonTransactional } from '../execute/non-transactional.ts';
import { directUrlNeeded } from '../fleet/direct-url.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { historyTable, rowOf } from '../history/history.ts';
import { readGuard } from '../protocol/guard.ts';
import { revertUndo } from '../protocol/undo-row.ts';
import type { Guard } from '../protocol/unit-context.ts';
import { unitContext } from '../run/context.ts';
import type { Run } from '../run/run.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { othersOnPath } from '../sql/search-path.ts';
import type { Target } from '../state/target.ts';
import { describeIncomplete } from './incomplete-migration.ts';
import { type Repair, rowRepair } from './repair.ts';
import { type ChosenSettlement, type Continuation, decideResumption } from './resumption.ts';
import { changedSince, startedWithoutFile, stillInvalid } from './settle-refusals.ts';
import type { StartedScripts } from './started-scripts.ts';

/** The repair that settles incomplete migrations, with as many jobs as `concurrentIndexJobs` allows. */
export async function settlementRepair(
  work: MigrationRun,
  started: StartedScripts,
  { how, selected }: ChosenSettlement,
): Promise<Repair> {
  const { run, settings } = work;
  const [first] = started.scripts;
  return {
    ...(how.kind === 'mark-applied'
      ? markAppliedWork(work, started)
      : await resumeWork(work, started, { how, selected })),
    concurrency: settings.concurrentIndexJobs,
    openSession: () => (run.pooled && first !== undefined ? openExclusive(run, first) : run.openSession()),
  };
}

type SettleWork = Pick<Repair, 'hasWork' | 'attempt'>;

/** Records incomplete migrations as applied, unless they have left an invalid index. */
function markAppliedWork({ run, settings }: MigrationRun, started: StartedScripts): SettleWork {
  const context = unitContext(run, { ...settings, sync: true });
  const edit = rowRepair(run, settings, (target) => {
    const script = started.of(target)?.script ?? null;
    if (script === null) return [];
    const unit = { script, schema: target, context };
    const sql = script.migration.undoes ? revertUndo(unit) : markApplied(script, target, context.table);
    return [{ ...script.migration, sql }];
  });
  return {
    hasWork: (target) => started.of(target) !== null || edit.hasWork(target),
    async attempt(session, target) {
      const found = started.of(target);
      if (found === null) return edit.attempt(session, target);
      const { row, script } = found;
      if (script === null) return failed(startedWithoutFile(row, target.schema));
      const { invalidIndexes } = await describeIncomplete(session, { ...found, script }, context);
      const [invalid] = invalidIndexes;
      return invalid === undefined
        ? edit.attempt(session, target)
        : failed(stillInvalid(target.schema, invalid));
    },
  };
}

function markApplied({ migration, statements: { length } }: Script, { schema }: Target, table: string) {
  const set = `state = 'applied', at_statement = null, statements = ${length}, done_statements = ${length}, checksum = ${quoteLiteral(migration.checksum)}`;
  return `update ${historyTable(schema, table)} set ${set} where ${rowOf(migration)} and state <> 'applied'`;
}

/** Runs the remaining statements of incomplete migrations. */
async function resumeWork(
  { run, settings }: MigrationRun,
  started: StartedScripts,
  continuation: Continuation,
): Promise<SettleWork> {
  const context = unitContext(run, { ...settings, sync: true });
  const guard = await guardFor(run, started);
  return {
    hasWork: (target) => started.of(target) !== null,
    async attempt(session, target) {
      const found = started.of(target);
      if (found === null) return { kind: 'done', applied: [] };
      const { row, script, changed } = found;
      if (script === null) return failed(startedWithoutFile(row, target.schema));
      if (changed) return failed(changedSince(script.migration, target.schema));
      const schema = { ...unitSchema(target, null), guarded: target.scope === 'tenant' ? guard : null };
      const unit = { script, schema, context };
      const resume = (names: Names) => decideResumption(names, unit, continuation);
      const attempt = await applyNonTransactional(session, unit, { resume });
      // A retry is safe only if the attempt was still waiting for its locks, so no statement has run.
      if (attempt.kind !== 'retry' || attempt.reason === 'busy') return attempt;
      return failed(attempt.error);
    },
  };
}

/** What tenant files must not change; `null` if no tenant has an incomplete migration. */
async function guardFor(run: Run, { all, scripts }: StartedScripts): Promise<Guard | null> {
  if (all.every(({ target }) => target.scope !== 'tenant')) return null;
  const { publicSchema, searchPath } = run.config;
  return run.read((session) => readGuard(session, othersOnPath(searchPath, publicSchema), scripts));
}

function failed(error: SqlmigError): Attempt {
  return { kind: 'failed', error };
}

/** A session outside the pooler. @throws SqlmigError `direct-url-needed`. */
async function openExclusive(run: Run, script: Script): Promise<Session> {
  const open = await run.exclusive();
  if (open === null) throw directUrlNeeded(script);
  return open();
}
