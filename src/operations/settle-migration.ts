import type { Config } from '../config.ts';
import { type ParsedStatement, parseStatements } from '../core/parse.ts';
import { historyKey } from '../core/plan.ts';
import { othersOnPath } from '../core/search-path.ts';
import { commitsInParts } from '../core/transaction-rules.ts';
import { canonicalVersion } from '../core/version.ts';
import { resolveDoubt } from '../db/doubt.ts';
import { readGuard } from '../db/guard.ts';
import { begunState, historyTable, readProgress } from '../db/history.ts';
import { invalidIndexes } from '../db/invalid-indexes.ts';
import type { Session } from '../db/session.ts';
import { applyStepwise } from '../db/stepwise.ts';
import { rowOf } from '../db/unit.ts';
import type { UnitSchema } from '../db/unit-frame.ts';
import { SqlmigError } from '../errors.ts';
import { parseMigrations, readMigrations } from '../migrations.ts';
import type { Migration, Scope, Script } from '../model.ts';
import { requireExtensions, settleExtensions } from '../run/extensions.ts';
import { unitSchema } from '../run/gate.ts';
import { lookAgain, type Target } from '../run/look.ts';
import { type Repair, type RepairedSchema, repairSchemas, rowRepair } from '../run/repair.ts';
import { type Run, unitFrame, withRun } from '../run/run.ts';
import { type RunOptions, type ServiceOptions, serviceOptions } from '../run/service.ts';

/** How an interrupted migration is settled. */
export type Settlement =
  /** Find out what became of the interrupted statement, and go on. */
  | { readonly kind: 'resume' }
  /** Go on with this statement, from 1. */
  | { readonly kind: 'from'; readonly statement: number }
  /** Record it as applied, run nothing. */
  | { readonly kind: 'mark-applied' };

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
  /** Text of the statement that was begun. */
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
  options: RunOptions = {},
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
    const target = await run.look((session) => lookAgain(session, schema, look, config));
    if (target.trouble !== null) throw target.trouble;
    const row = rowIn(target, file);
    if (row?.state !== begunState) {
      throw new SqlmigError('nothing-to-settle', `${historyKey(file)} of "${schema}" is not interrupted`, {
        schema,
        state: row === undefined ? 'it is not in the history' : 'it is applied',
      });
    }
    if (row.checksum !== file.checksum) {
      throw new SqlmigError(
        'checksum-changed',
        `${file.file} was changed since it was begun in "${schema}"`,
        {
          schema,
          file: file.file,
          hint: 'put the file back as it was; statements are counted in it',
        },
      );
    }
    const { scripts, missing } = await run.look((session) => settleExtensions(session, parsed, [], config));
    if (how !== null && how.kind !== 'mark-applied') requireExtensions(missing);
    const [script] = scripts;
    if (script === undefined) throw new RangeError('one migration gives one script');
    const found = await run.look((session) => describe(session, script, schema, scope, config));
    if (how === null) return { ...found, schemas: [] };
    const words = new Set(script.statements.flatMap(({ reach }) => [...reach.words]));
    const path = othersOnPath(config.searchPath, config.publicSchema);
    const guarded = scope === 'tenant' ? await run.look((session) => readGuard(session, path, words)) : null;
    const repair = settlement(run, settings, script, how, guarded);
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
  schema: string,
  scope: Scope,
  config: Config,
): Promise<InterruptedMigration> {
  const { version, name, file } = script.migration;
  const progress = await readProgress(session, schema, config.historyTable, rowOf(script.migration));
  const statement = script.statements[(progress.atStatement ?? 0) - 1];
  const parsed = await parsedAt(script, progress.atStatement);
  return {
    schema,
    scope,
    version,
    name,
    file,
    ...progress,
    doubtful: statement === undefined ? null : script.text.slice(statement.start, statement.end),
    invalidIndexes: [...(await invalidIndexes(session, schema))],
    inParts: parsed !== null && commitsInParts(parsed),
  };
}

/** How a migration is settled in its schema, once nobody is at work there. */
function settlement(
  run: Run,
  settings: ServiceOptions,
  script: Script,
  how: Settlement,
  guarded: UnitSchema['guarded'],
): Repair {
  const { migration } = script;
  const { historyTable: table } = run.config;
  const hasWork = (target: Target) => rowIn(target, migration)?.state === begunState;
  const openSession = () => (run.pooled ? direct(run, script) : run.openSession());
  if (how.kind === 'mark-applied') {
    const set = `state = 'applied', at_statement = null, done_statements = statements`;
    const marking = rowRepair(run, settings, (target) => {
      const sql = `update ${historyTable(target.schema, table)} set ${set} where ${rowOf(migration)} and state = '${begunState}'`;
      return hasWork(target) ? [{ ...migration, sql }] : [];
    });
    return {
      ...marking,
      openSession,
      async attempt(session, target) {
        const [invalid] = await invalidIndexes(session, target.schema);
        return invalid === undefined
          ? marking.attempt(session, target)
          : { kind: 'failed', error: stillInvalid(target.schema, invalid) };
      },
    };
  }
  const frame = unitFrame(run, { ...settings, sync: true });
  return {
    hasWork,
    openSession,
    async attempt(session, target) {
      const schema = { ...unitSchema(target, null), guarded };
      const next = (from: Session) => nextStatement(from, script, schema.schema, how, table);
      const attempt = await applyStepwise(session, script, schema, frame, next);
      // Only while it waits for its turn is it certain that no statement has run.
      if (attempt.kind !== 'again' || attempt.reason === 'busy') return attempt;
      return { kind: 'failed', error: attempt.error };
    },
  };
}

async function nextStatement(
  session: Session,
  script: Script,
  schema: string,
  how: Exclude<Settlement, { kind: 'mark-applied' }>,
  table: string,
): Promise<number> {
  if (how.kind === 'from') return how.statement - 1;
  const { atStatement, doneStatements } = await readProgress(session, schema, table, rowOf(script.migration));
  if (atStatement === null || atStatement <= doneStatements) return doneStatements;
  const statement = await parsedAt(script, atStatement);
  const doubt = statement === null ? 'unknown' : await resolveDoubt(session, schema, statement);
  if (doubt === 'done') return atStatement;
  if (doubt === 'redo') return atStatement - 1;
  const inParts = statement !== null && commitsInParts(statement);
  const [again, after] = inParts ? ['runs it again', 'leaves it as it is'] : ['it did not', 'it did'];
  throw new SqlmigError(
    'unsettled',
    `statement ${atStatement} was begun, and nobody but you can tell ${inParts ? 'how much of its work is committed' : 'whether it took effect'}`,
    {
      schema,
      file: script.migration.file,
      statement: atStatement,
      statements: script.statements.length,
      state: 'nothing was run',
      hint: `look, then go on with --from-statement ${atStatement} (${again}) or --from-statement ${atStatement + 1} (${after})`,
    },
  );
}

/** A statement of a script as the parser sees it; `number` from 1. */
async function parsedAt(script: Script, number: number | null): Promise<ParsedStatement | null> {
  const statement = script.statements[(number ?? 0) - 1];
  if (statement === undefined) return null;
  const parsed = await parseStatements(script.text.slice(statement.start, statement.end));
  return 'statements' in parsed ? (parsed.statements[0] ?? null) : null;
}

function direct(run: Run, { migration }: Script): Promise<Session> {
  if (run.openDirect !== null) return run.openDirect();
  throw new SqlmigError(
    'direct-url-needed',
    `${migration.file} is non-transactional, and the database URL leads to a pooler`,
    {
      hint: 'give --direct-url',
    },
  );
}

function stillInvalid(schema: string, index: string): SqlmigError {
  return new SqlmigError('invalid-index', `the index ${schema}.${index} is invalid`, {
    schema,
    state: `it is still marked as ${begunState}`,
    hint: 'rebuild it with REINDEX INDEX CONCURRENTLY, or drop it, before you call this applied; or use --resume',
  });
}
