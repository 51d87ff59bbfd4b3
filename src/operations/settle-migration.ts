import { type Config, requireConfig } from '../config.ts';
import { onlineChangeOf, repeats } from '../core/online-change.ts';
import { checkOptions, checkValue, nullable, text } from '../core/option.ts';
import { statementAt } from '../core/parse.ts';
import { historyKey } from '../core/plan.ts';
import { quoteLiteral } from '../core/quote.ts';
import { othersOnPath } from '../core/search-path.ts';
import { type Settlement, settlementKind } from '../core/settlement.ts';
import { commitsInParts } from '../core/transaction-rules.ts';
import { canonicalVersion } from '../core/version.ts';
import { readGuard } from '../db/guard.ts';
import { begunState, doubtOf, historyTable, readProgress } from '../db/history.ts';
import { type IndexName, invalidLeftBy, type Names } from '../db/invalid-indexes.ts';
import type { Session } from '../db/session.ts';
import { applyStepwise, type Resumption } from '../db/stepwise.ts';
import { rowOf } from '../db/unit.ts';
import { searchPath, type UnitFrame, type UnitSchema } from '../db/unit-frame.ts';
import { SqlmigError } from '../errors.ts';
import { parseMigrations, readMigrations } from '../migrations.ts';
import type { Migration, Scope, Script } from '../model.ts';
import { requireExtensions, settleExtensions } from '../run/extensions.ts';
import { unitSchema } from '../run/gate.ts';
import { lookAgain, type Target } from '../run/look.ts';
import { type Repair, type RepairedSchema, repairSchemas, rowRepair, tracedRepair } from '../run/repair.ts';
import { type Run, unitFrame, withRun } from '../run/run.ts';
import { type ChangeOptions, changeKinds, type ServiceOptions, serviceOptions } from '../run/run-options.ts';
import { changedSince, stillInvalid } from '../run/settle-refusals.ts';

/** How far an interrupted migration is. */
export interface InterruptedMigration {
  readonly schema: string;
  readonly scope: Scope;
  readonly version: string | null;
  readonly name: string;
  readonly file: string;
  /** The statement that was begun, from 1; `null` before the first. */
  readonly atStatement: number | null;
  readonly doneStatements: number;
  readonly statements: number;
  /** Text of the statement that was begun and may not be done. */
  readonly doubtful: string | null;
  readonly invalidIndexes: readonly string[];
  /** True where that statement commits as it goes: part of its work may be kept. */
  readonly inParts: boolean;
}

/** How far an interrupted migration was, and what came of settling it. */
export interface SettledMigration extends InterruptedMigration {
  /** The schema's outcome; none where nothing was asked for. */
  readonly schemas: readonly RepairedSchema[];
}

/**
 * Settles a non-transactional migration that stopped halfway; without `how` it only tells how far it is. Waits while
 * somebody is at work in the schema, as `up` does. What stands in the way is the error of the schema's outcome:
 * `lock-timeout`, `unsettled` where only a person can tell what became of the statement, and what the statements
 * themselves raise.
 * @throws SqlmigError `nothing-to-settle`, `checksum-changed`, and where it cannot begin.
 */
export async function settleMigration(
  config: Config,
  schema: string,
  version: string,
  how: Settlement | null,
  options: ChangeOptions = {},
): Promise<SettledMigration> {
  requireConfig(config);
  checkValue('argument schema', schema, text);
  checkValue('argument version', version, text);
  checkValue('argument how', how, nullable(settlementKind));
  checkOptions(options, changeKinds);
  return tracedRepair(config, options, (heard) => settleIn(config, schema, version, how, heard));
}

async function settleIn(
  config: Config,
  schema: string,
  version: string,
  how: Settlement | null,
  options: ChangeOptions,
): Promise<SettledMigration> {
  const migrations = await readMigrations(config);
  const settings = serviceOptions(options, config);
  const scope: Scope = schema === config.publicSchema ? 'public' : 'tenant';
  const file = migrations[scope].find((migration) => names(migration, version));
  if (file === undefined) {
    throw new SqlmigError('bad-usage', `there is no ${scope} file with the version ${version}`);
  }
  const parsed = [...(await parseMigrations([file], migrations)).values()];
  return withRun(config, settings, async (run) => {
    const look = { scope, files: migrations[scope], options: settings.plan } as const;
    const target = await run.look((session) => lookAgain(session, schema, look, config, run.wait));
    if (target.trouble !== null) throw target.trouble;
    const row = rowIn(target, file);
    if (row?.state !== begunState) {
      throw new SqlmigError('nothing-to-settle', `${historyKey(file)} of "${schema}" is not interrupted`, {
        schema,
        state: row === undefined ? 'it is not in the history' : 'it is applied',
      });
    }
    const changed = row.checksum !== file.checksum;
    // Who has done the rest by hand may say so of the file as it is now.
    if (changed && how?.kind !== 'mark-applied') throw changedSince(file, schema);
    const { scripts, missing } = await run.look((session) => settleExtensions(session, parsed, [], config));
    if (how !== null && how.kind !== 'mark-applied') requireExtensions(missing);
    const [script] = scripts;
    if (script === undefined) throw new RangeError('one migration gives one script');
    const open = { ...unitSchema(target, null), guarded: null };
    const frame = unitFrame(run, { ...settings, sync: true });
    const found = await run.look((session) => describe(session, script, open, { frame, changed }));
    if (how === null) return { ...found, schemas: [] };
    const words = new Set(script.statements.flatMap(({ reach }) => [...reach.words]));
    const path = othersOnPath(config.searchPath, config.publicSchema);
    const guarded = scope === 'tenant' ? await run.look((session) => readGuard(session, path, words)) : null;
    const repair = settlement(run, settings, script, how, { guarded, found, frame });
    return { ...found, schemas: await repairSchemas(run, [target], migrations, settings, repair) };
  });
}

function rowIn({ rows }: Target, migration: Migration) {
  return rows.find((row) => historyKey(row) === historyKey(migration));
}

function names(migration: Migration, version: string): boolean {
  if (migration.version === null) return migration.name === version;
  return /^\d+$/.test(version) && canonicalVersion(migration.version) === canonicalVersion(version);
}

async function describe(
  session: Session,
  script: Script,
  schema: UnitSchema,
  { frame, changed }: { readonly frame: UnitFrame; readonly changed: boolean },
): Promise<InterruptedMigration> {
  const { version, name, file } = script.migration;
  const progress = await readProgress(session, schema.schema, frame.table, rowOf(script.migration));
  const inDoubt = doubtOf(progress);
  const at = inDoubt === null ? null : await statementAt(script, inDoubt - 1);
  const names = namesOutside(session, script, schema, frame);
  // Of a changed file nobody knows which of its statements are done.
  const left = await leftSince(names, script, changed ? 0 : progress.doneStatements);
  return {
    schema: schema.schema,
    scope: schema.scope,
    version,
    name,
    file,
    ...progress,
    doubtful: at?.text ?? null,
    invalidIndexes: left.map((index) => index.name),
    inParts: at !== null && commitsInParts(at.statement),
  };
}

/** Names as a script means them, for a session that has not its path. */
function namesOutside(session: Session, script: Script, schema: UnitSchema, frame: UnitFrame): Names {
  const home = script.allowsPublic ? null : schema.schema;
  return { session, own: session, path: searchPath(schema, frame), home };
}

/** The invalid indexes that the statements of a range (from 0, `to` excluded) can have left. */
async function leftSince(
  names: Names,
  script: Script,
  from: number,
  to = script.statements.length,
): Promise<IndexName[]> {
  const range = Array.from({ length: Math.max(0, to - from) }, (_, i) => statementAt(script, from + i));
  const statements = (await Promise.all(range)).flatMap((at) => (at === null ? [] : [at.statement]));
  return invalidLeftBy(
    names,
    statements.flatMap((statement) => onlineChangeOf(statement) ?? []),
  );
}

/** How a migration is settled in its schema, once nobody is at work there. */
function settlement(
  run: Run,
  settings: ServiceOptions,
  script: Script,
  how: Settlement,
  {
    guarded,
    found,
    frame,
  }: {
    readonly guarded: UnitSchema['guarded'];
    readonly found: InterruptedMigration;
    readonly frame: UnitFrame;
  },
): Repair {
  const { migration } = script;
  const { historyTable: table } = run.config;
  const hasWork = (target: Target) => rowIn(target, migration)?.state === begunState;
  const openSession = () => (run.pooled ? exclusive(run, script) : run.openSession());
  if (how.kind === 'mark-applied') {
    const count = script.statements.length;
    const set = `state = 'applied', at_statement = null, statements = ${count}, done_statements = ${count}, checksum = ${quoteLiteral(migration.checksum)}`;
    const marking = rowRepair(run, settings, (target) => {
      const sql = `update ${historyTable(target.schema, table)} set ${set} where ${rowOf(migration)} and state = '${begunState}'`;
      return hasWork(target) ? [{ ...migration, sql }] : [];
    });
    return {
      ...marking,
      openSession,
      async attempt(session, target) {
        const [invalid] = found.invalidIndexes;
        return invalid === undefined
          ? marking.attempt(session, target)
          : { kind: 'failed', error: stillInvalid(target.schema, invalid) };
      },
    };
  }
  return {
    hasWork,
    openSession,
    async attempt(session, target) {
      const schema = { ...unitSchema(target, null), guarded };
      const resume = (names: Names) => resumption(names, script, schema.schema, how, table);
      const attempt = await applyStepwise(session, script, schema, frame, resume);
      // Only while it waits for its turn is it certain that no statement has run.
      if (attempt.kind !== 'again' || attempt.reason === 'busy') return attempt;
      return { kind: 'failed', error: attempt.error };
    },
  };
}

async function resumption(
  names: Names,
  script: Script,
  schema: string,
  how: Exclude<Settlement, { kind: 'mark-applied' }>,
  table: string,
): Promise<Resumption> {
  const progress = await readProgress(names.own, schema, table, rowOf(script.migration));
  const { doneStatements } = progress;
  const doubt = doubtOf(progress);
  const begun = doubt ?? doneStatements;
  if (how.kind === 'from') {
    const from = how.statement - 1;
    // What is passed over counts as done, and so must have left nothing.
    const [left] = await leftSince(names, script, doneStatements, from);
    if (left !== undefined) throw stillInvalid(left.schema, left.name);
    return { from, begun };
  }
  if (doubt === null) return { from: doneStatements, begun };
  const statement = (await statementAt(script, doubt - 1))?.statement;
  if (statement !== undefined && (onlineChangeOf(statement) !== null || repeats(statement))) {
    return { from: doubt - 1, begun };
  }
  const inParts = statement !== undefined && commitsInParts(statement);
  const [again, after] = inParts ? ['runs it again', 'leaves it as it is'] : ['it did not', 'it did'];
  throw new SqlmigError(
    'unsettled',
    `statement ${doubt} was begun, and nobody but you can tell ${inParts ? 'how much of its work is committed' : 'whether it took effect'}`,
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

async function exclusive(run: Run, { migration }: Script): Promise<Session> {
  const open = await run.exclusive();
  if (open !== null) return open();
  throw new SqlmigError(
    'direct-url-needed',
    `${migration.file} is non-transactional, and the database URL leads to a pooler`,
    {
      hint: 'give --direct-url; or --pool-mode session where the pooler pools whole sessions',
    },
  );
}
