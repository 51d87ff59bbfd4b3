import { SqlmigError, sqlstates } from '../errors.ts';
import { appliedMigration, attemptOf } from '../execute/attempt.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { findForeignTables, takenOverTrigger } from '../history/foreign-tables.ts';
import { selectSessionsAtWork } from '../history/import/at-work.ts';
import { type ReadableTable, readDigested, selectForeignDigest } from '../history/read-foreign.ts';
import { parseMigrations } from '../project/migrations.ts';
import { type Adoption, composeAdoption, type OldHistory } from '../protocol/adoption.ts';
import { type Repair, repairSchemas, watchWait } from '../repair/repair.ts';
import type { ErrorDetails, ScopeName } from '../results.ts';
import { unitContext } from '../run/context.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import type { Migration, Script } from '../sql/migration.ts';
import type { Target } from '../state/target.ts';
import type { ForeignHistoryFound } from './foreign-histories.ts';
import { type ImportProposal, type ImportRules, proposeImport } from './import-proposals.ts';

/** What an import did to one schema. */
export interface AdoptedSchema {
  readonly database: string;
  readonly schema: string;
  readonly scope: ScopeName;
  /** `unchanged` if another run has imported the history meanwhile. */
  readonly state: 'adopted' | 'unchanged' | 'failed';
  readonly error?: ErrorDetails;
}

/** Imports histories the way `up` migrates: it retries busy schemas, and a failure affects only its own schema. */
export async function importHistories(
  migrationRun: MigrationRun,
  proposals: readonly ImportProposal[],
  rules: ImportRules,
): Promise<AdoptedSchema[]> {
  const { run, source, settings } = migrationRun;
  const bySchema = new Map(proposals.map((proposal) => [proposal.target.schema, proposal]));
  const files = proposals.flatMap(({ share }) => share.applied.map(({ migration }) => migration));
  const scripts = await parseMigrations(files, source.migrations, { mayLackValues: true });
  const adopted = new Set<string>();
  const context = unitContext(run, { ...settings, sync: true });
  const repair: Repair = {
    hasWork: ({ schema, rows }) => bySchema.has(schema) && rows.length === 0,
    openSession: () => run.openSession(),
    schemaRefusal: ({ trouble }) => (trouble?.code === 'foreign-history' ? null : trouble),
    async attempt(session, target) {
      const schema = unitSchema(target, null);
      const wait = watchWait();
      try {
        const proposal = bySchema.get(target.schema);
        if (proposal === undefined) return { kind: 'done', applied: [] };
        const adoption = await readAdoption(session, { ...proposal, target }, { rules, scripts });
        await session.run(composeAdoption(schema, adoption, context), wait.onRow);
        adopted.add(target.schema);
        const applied = adoption.applied.map(({ script: { migration } }) => appliedMigration(migration));
        return { kind: 'done', applied };
      } catch (error) {
        if (error instanceof SqlmigError) return { kind: 'failed', error };
        const place = { schema, context };
        if (isServerError(error) && error.code === sqlstates.lockNotAvailable && !wait.isWaiting())
          return { kind: 'retry', reason: 'lock-wait', error: stillInUse(target, error) };
        return attemptOf(error, place, wait.isWaiting());
      }
    },
  };
  const outcomes = await repairSchemas(
    migrationRun,
    proposals.map(({ target }) => target),
    repair,
  );
  return outcomes.map(({ state, ...outcome }) => ({
    ...outcome,
    state: state === 'repaired' || (state === 'unchanged' && adopted.has(outcome.schema)) ? 'adopted' : state,
  }));
}

function stillInUse({ schema }: Target, cause: Error): SqlmigError {
  return new SqlmigError('lock-timeout', `the old history of "${schema}" is in use`, {
    schema,
    state: 'not touched',
    hint: 'stop the old tool and the sessions that read its history, then run the command again',
    cause,
  });
}

/** Reads a history again right before it is locked, with the digest to compare under the lock. */
export async function readAdoption(
  session: Session,
  { target, source }: ImportProposal,
  { rules, scripts }: { readonly rules: ImportRules; readonly scripts: ReadonlyMap<Migration, Script> },
): Promise<Adoption> {
  const table = await findAgain(session, source, rules.config.historyTable);
  const { digest, history } = await readDigested(session, table);
  const again = proposeImport(target, [{ ...table, history }], rules);
  if (again === null || !('share' in again))
    throw changedMeanwhile(target, again?.message ?? 'it no longer exists');
  const applied = again.share.applied.map(({ migration, appliedAt }) => {
    const script = scripts.get(migration);
    if (script === undefined) throw changedMeanwhile(target, `${migration.file} has been applied since`);
    return { script, appliedAt };
  });
  const { found } = table;
  const place = { schema: found.schema, table: found.table, database: session.server.database };
  const { renamedTo } = again.describe;
  const refusingWrites = found.takenOver === null ? { trigger: takenOverTrigger } : null;
  const old: OldHistory = {
    ...place,
    tool: found.tool,
    oid: found.oid,
    digest: { query: selectForeignDigest(table), value: digest },
    atWork: selectSessionsAtWork(table.reader, [place]),
    takeOver: renamedTo === null ? refusingWrites : { rename: renamedTo },
  };
  return { old, applied };
}

// The import of public may have renamed the table.
async function findAgain(
  session: Session,
  { found: { oid, schema, table }, reader }: ForeignHistoryFound,
  historyTable: string,
): Promise<ReadableTable> {
  const [found] = await findForeignTables(session, { historyTable, oids: [oid] });
  if (found !== undefined && reader !== null) return { found, reader };
  throw new SqlmigError('foreign-history', `"${schema}"."${table}" was dropped or changed in the meantime`, {
    schema,
    state: 'not touched',
    hint: 'run it again',
  });
}

function changedMeanwhile({ schema }: Target, why: string): SqlmigError {
  return new SqlmigError('foreign-history', `the old history has changed in the meantime: ${why}`, {
    schema,
    state: 'not touched',
    hint: 'see the current state with sqlmig adopt',
  });
}
