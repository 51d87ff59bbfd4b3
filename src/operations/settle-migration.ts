import type { Config } from '../config.ts';
import { type ParsedStatement, parseStatements } from '../core/parse.ts';
import { historyKey } from '../core/plan.ts';
import { othersOnPath } from '../core/search-path.ts';
import { commitsInParts } from '../core/transaction-rules.ts';
import { canonicalVersion } from '../core/version.ts';
import { resolveDoubt } from '../db/doubt.ts';
import { asSqlmigError } from '../db/failure.ts';
import { readGuard } from '../db/guard.ts';
import { begunState, historyTable, readProgress } from '../db/history.ts';
import { invalidIndexes } from '../db/invalid-indexes.ts';
import { composeEdit } from '../db/message.ts';
import type { Session } from '../db/session.ts';
import { applyStepwise } from '../db/stepwise.ts';
import { rowOf } from '../db/unit.ts';
import type { UnitFrame, UnitSchema } from '../db/unit-frame.ts';
import { SqlmigError } from '../errors.ts';
import { parseMigrations, readMigrations } from '../migrations.ts';
import type { Migration, Scope, Script } from '../model.ts';
import { requireExtensions, settleExtensions } from '../run/extensions.ts';
import { unitSchema } from '../run/gate.ts';
import { lookAgain } from '../run/look.ts';
import { type Run, unitFrame, withRun } from '../run/run.ts';
import { type RunOptions, serviceOptions } from '../run/service.ts';

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

/**
 * Settles a non-transactional migration that stopped halfway; without `how` it only tells how far it is.
 * @throws SqlmigError `nothing-to-settle`, `checksum-changed`, `lock-timeout` while somebody is at work on it,
 *   `unsettled` where only a person can tell what became of the statement, and what the statements themselves raise.
 */
export async function settleMigration(
  config: Config,
  schema: string,
  version: string,
  how: Settlement | null,
  options: RunOptions = {},
): Promise<InterruptedMigration> {
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
    const row = target.rows.find((candidate) => historyKey(candidate) === historyKey(file));
    if (row?.state !== begunState) {
      throw new SqlmigError('nothing-to-settle', `${historyKey(file)} of "${schema}" is not interrupted`, {
        schema,
        state: row === undefined ? 'it is not in the history' : 'it is applied',
      });
    }
    if (target.held) throw atWork(schema);
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
    if (how === null) return found;
    const words = new Set(script.statements.flatMap(({ reach }) => [...reach.words]));
    const path = othersOnPath(config.searchPath, config.publicSchema);
    const guarded = scope === 'tenant' ? await run.look((session) => readGuard(session, path, words)) : null;
    const unit = { ...unitSchema(target, null), guarded };
    await settle(script, unit, how, { run, frame: unitFrame(run, { ...settings, sync: true }) });
    return found;
  });
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

async function settle(
  script: Script,
  schema: UnitSchema,
  how: Settlement,
  { run, frame }: { readonly run: Run; readonly frame: UnitFrame },
): Promise<void> {
  const session = await (run.pooled ? direct(run, script) : run.openSession());
  try {
    if (how.kind === 'mark-applied') {
      const [invalid] = await invalidIndexes(session, schema.schema);
      if (invalid !== undefined) throw stillInvalid(schema.schema, invalid);
      const set = `state = 'applied', at_statement = null, done_statements = statements`;
      const change = `update ${historyTable(schema.schema, frame.table)} set ${set} where ${rowOf(script.migration)} and state = '${begunState}'`;
      await session.run(composeEdit(schema, change, frame));
      return;
    }
    const next = (from: Session) => nextStatement(from, script, schema.schema, how, frame.table);
    const attempt = await applyStepwise(session, script, schema, frame, next);
    if (attempt.kind === 'again') throw attempt.reason === 'busy' ? atWork(schema.schema) : attempt.error;
    if (attempt.kind === 'failed') throw attempt.error;
  } catch (error) {
    throw asSqlmigError(error, schema.schema);
  } finally {
    await session.close();
  }
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

function atWork(schema: string): SqlmigError {
  return new SqlmigError(
    'lock-timeout',
    `somebody is at work in "${schema}" (maybe the server, for a runner that is gone)`,
    {
      schema,
      state: 'nothing was run',
      hint: 'try again when it is done',
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
