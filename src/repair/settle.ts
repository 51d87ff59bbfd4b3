import type { Settlement } from '../decide/settlement.ts';
import { SqlmigError } from '../errors.ts';
import type { Attempt } from '../execute/attempt.ts';
import type { Names } from '../execute/invalid-indexes.ts';
import { applyNonTransactional, type Resumption } from '../execute/non-transactional.ts';
import { requireExtensions, settleExtensions } from '../fleet/extensions.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { doubtOf, historyTable, readProgress, rowOf } from '../history/history.ts';
import { type Migrations, parseMigrations } from '../project/migrations.ts';
import { historyKey } from '../project/order.ts';
import { readGuard } from '../protocol/guard.ts';
import { type Run, unitContext } from '../run/run.ts';
import type { Session } from '../server/session.ts';
import type { Migration, Script } from '../sql/migration.ts';
import { onlineChangeOf, repeats } from '../sql/online-change.ts';
import { statementAt } from '../sql/parse.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { othersOnPath } from '../sql/search-path.ts';
import { commitsInParts } from '../sql/transaction-rules.ts';
import type { Target } from '../state/target.ts';
import { describeIncomplete, type IncompleteMigration, leftSince } from './incomplete-migration.ts';
import { type Repair, type RepairedSchema, repairSchemas, rowRepair } from './repair.ts';
import { begunWithoutFile, changedSince, severalFiles, stillInvalid } from './settle-refusals.ts';

/** How far incomplete migrations were, and what came of settling them. */
export interface SettledMigrations {
  /** Those whose files are there. */
  readonly incomplete: readonly IncompleteMigration[];
  /** The outcome of each schema; none where nothing was asked for. */
  readonly schemas: readonly RepairedSchema[];
}

/** What is settled, and of what. */
interface Settling {
  readonly targets: readonly Target[];
  /** The history key of the migration that is meant; `null`: whichever was begun. */
  readonly key: string | null;
  /** Without it, it is only told how far they are. */
  readonly how: Settlement | null;
}

/**
 * Settles the migrations that stopped halfway in schemas, as many at a time as `concurrentIndexJobs` allows.
 * @throws SqlmigError for mistakes in their files, and `bad-usage` for a statement to go on with in several files.
 */
export async function settle(
  work: MigrationRun,
  { targets, key, how }: Settling,
): Promise<SettledMigrations> {
  const { run, settings } = work;
  const { migrations } = work.source;
  const stoppedIn = (target: Target) => begunIn(target, migrations, key);
  const stopped = targets.flatMap((target) => {
    const found = stoppedIn(target);
    return found === null ? [] : [{ ...found, target }];
  });
  const files = [...new Set(stopped.flatMap(({ file }) => file ?? []))];
  if (how?.kind === 'from' && files.length > 1) throw severalFiles(files);
  const parsed = [...(await parseMigrations(files, migrations)).values()];
  const { scripts, missing } = await run.read((session) =>
    settleExtensions(session, { scripts: parsed }, run.config),
  );
  if (how !== null && how.kind !== 'mark-applied') requireExtensions(missing);
  const byFile = new Map(scripts.map((script) => [script.migration.file, script]));
  const context = unitContext(run, { ...settings, sync: true });
  const describe = (session: Session, target: Target, script: Script, changed: boolean) =>
    describeIncomplete(session, { script, schema: unitSchema(target, null), changed }, context);
  const incomplete: IncompleteMigration[] = [];
  for (const { target, file, changed } of stopped) {
    const script = byFile.get(file?.file ?? '');
    if (script !== undefined)
      incomplete.push(await run.read((session) => describe(session, target, script, changed)));
  }
  if (how === null) return { incomplete, schemas: [] };

  const { publicSchema, searchPath, historyTable: table } = run.config;
  const statements = scripts.flatMap((script) => script.statements);
  const words = new Set(statements.flatMap(({ reach }) => [...reach.words]));
  const guard = stopped.some(({ target }) => target.scope === 'tenant')
    ? await run.read((session) => readGuard(session, othersOnPath(searchPath, publicSchema), words))
    : null;
  const marking = rowRepair(run, settings, (target) => {
    const script = byFile.get(stoppedIn(target)?.file?.file ?? '');
    return script === undefined ? [] : [{ ...script.migration, sql: markApplied(script, target, table) }];
  });
  const goOn = async (
    session: Session,
    target: Target,
    script: Script,
    from: Exclude<Settlement, { kind: 'mark-applied' }>,
  ): Promise<Attempt> => {
    const schema = { ...unitSchema(target, null), guarded: target.scope === 'tenant' ? guard : null };
    const resume = (names: Names) => resumption(names, script, schema.schema, from, table);
    const attempt = await applyNonTransactional(session, { script, schema, context }, resume);
    // Only while it waits for its turn is it certain that no statement has run.
    if (attempt.kind !== 'retry' || attempt.reason === 'busy') return attempt;
    return { kind: 'failed', error: attempt.error };
  };
  const [first] = files;
  const repair: Repair = {
    concurrency: settings.concurrentIndexJobs,
    hasWork: (target) =>
      stoppedIn(target) !== null || (how.kind === 'mark-applied' && marking.hasWork(target)),
    openSession: () => (run.pooled && first !== undefined ? exclusive(run, first) : run.openSession()),
    async attempt(session, target) {
      const now = stoppedIn(target);
      if (now === null) return marking.attempt(session, target);
      const script = byFile.get(now.file?.file ?? '');
      if (script === undefined) return { kind: 'failed', error: begunWithoutFile(now.row, target.schema) };
      if (how.kind !== 'mark-applied') {
        return now.changed
          ? { kind: 'failed', error: changedSince(script.migration, target.schema) }
          : goOn(session, target, script, how);
      }
      const [invalid] = (await describe(session, target, script, now.changed)).invalidIndexes;
      return invalid === undefined
        ? marking.attempt(session, target)
        : { kind: 'failed', error: stillInvalid(target.schema, invalid) };
    },
  };
  const wanted = targets.filter((target) => target.trouble !== null || stoppedIn(target) !== null);
  return { incomplete, schemas: await repairSchemas(work, wanted, repair) };
}

/** The migration that was begun in a schema and is not finished, with its file. */
function begunIn({ rows, scope }: Target, migrations: Migrations, key: string | null) {
  const row = rows.find((one) => one.state === 'incomplete' && (key === null || historyKey(one) === key));
  if (row === undefined) return null;
  const file = migrations[scope].find((one) => historyKey(one) === historyKey(row)) ?? null;
  return { row, file, changed: file !== null && file.checksum !== row.checksum };
}

function markApplied({ migration, statements: { length } }: Script, { schema }: Target, table: string) {
  const set = `state = 'applied', at_statement = null, statements = ${length}, done_statements = ${length}, checksum = ${quoteLiteral(migration.checksum)}`;
  return `update ${historyTable(schema, table)} set ${set} where ${rowOf(migration)} and state = 'incomplete'`;
}

async function resumption(
  names: Names,
  script: Script,
  schema: string,
  how: Exclude<Settlement, { kind: 'mark-applied' }>,
  table: string,
): Promise<Resumption> {
  const progress = await readProgress(names.own, historyTable(schema, table), rowOf(script.migration));
  const { doneStatements } = progress;
  const doubt = doubtOf(progress);
  const begun = doubt ?? doneStatements;
  if (how.kind === 'from') {
    const from = how.statement - 1;
    // What is passed over counts as done, and so must have left nothing.
    const [left] = await leftSince(names, script, { from: doneStatements, to: from });
    if (left !== undefined) throw stillInvalid(left.schema, left.name);
    return { from, begun };
  }
  if (doubt === null) return { from: doneStatements, begun };
  const statement = (await statementAt(script, doubt - 1))?.statement;
  if (statement !== undefined && (onlineChangeOf(statement) !== null || repeats(statement))) {
    return { from: doubt - 1, begun };
  }
  const inParts = statement !== undefined && commitsInParts(statement);
  const [again, after] = inParts ? ['runs it again', 'keeps what it did'] : ['it did not', 'it did'];
  throw new SqlmigError(
    'unsettled',
    `statement ${doubt} was started; sqlmig cannot determine ${inParts ? 'how much of its work is committed' : 'whether it took effect'}`,
    {
      schema,
      file: script.migration.file,
      statement: doubt,
      statements: script.statements.length,
      state: 'nothing was run',
      hint: `look, then go on with --from-statement ${doubt} (${again}) or --from-statement ${doubt + 1} (${after})`,
    },
  );
}

async function exclusive(run: Run, { file }: Migration): Promise<Session> {
  const open = await run.exclusive();
  if (open !== null) return open();
  throw new SqlmigError(
    'direct-url-needed',
    `${file} is non-transactional, and the database URL leads to a pooler`,
    {
      hint: 'give --direct-url; or --pool-mode session where the pooler pools whole sessions',
    },
  );
}
