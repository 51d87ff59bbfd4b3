import { type IndexName, invalidLeftBy, type Names } from '../execute/invalid-indexes.ts';
import { unitSchema } from '../fleet/gate.ts';
import { doubtOf, historyTable, readProgress, rowOf } from '../history/history.ts';
import { searchPath, type UnitContext } from '../protocol/unit-context.ts';
import type { ScopeName } from '../results.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { onlineChangeOf } from '../sql/online-change.ts';
import { statementAt } from '../sql/parse.ts';
import { commitsInParts } from '../sql/transaction-rules.ts';
import type { StartedScript } from './started-scripts.ts';

/** The progress of an incomplete migration. */
export interface IncompleteMigration {
  readonly database: string;
  readonly schema: string;
  readonly scope: ScopeName;
  readonly version: string | null;
  readonly name: string;
  /** The file that was started. */
  readonly file: string;
  /** The file is the down file of the migration. */
  readonly undoes?: true;
  /** The number of the statement that was started last, from 1; `null` if none was. */
  readonly atStatement: number | null;
  readonly doneStatements: number;
  readonly statements: number;
  /** Text of the statement that was started and may not have finished. */
  readonly doubtful: string | null;
  readonly invalidIndexes: readonly string[];
  /** True if the doubtful statement can commit while it runs, so part of its work may be kept. */
  readonly inParts: boolean;
}

/** Reads the progress of an incomplete migration. */
export async function describeIncomplete(
  session: Session,
  started: StartedScript,
  context: UnitContext,
): Promise<Omit<IncompleteMigration, 'database'>> {
  const { script, changed, target } = started;
  const { schema, scope } = target;
  const { version, name, file, undoes } = script.migration;
  const progress = await readProgress(session, historyTable(schema, context.table), rowOf(script.migration));
  const inDoubt = doubtOf(progress);
  const at = inDoubt === null ? null : await statementAt(script, inDoubt - 1);
  const names = namesOutside(session, started, context);
  // Progress is recorded by statement number, which says nothing about a changed file.
  const left = await leftSince(names, script, { from: changed ? 0 : progress.doneStatements });
  return {
    schema,
    scope,
    version,
    name,
    file,
    ...(undoes && { undoes }),
    ...progress,
    doubtful: inDoubt === null ? null : textOf(script, inDoubt - 1),
    invalidIndexes: left.map((index) => index.name),
    inParts: at !== null && commitsInParts(at.statement),
  };
}

/** A statement as written in the file, because the value of a placeholder may be a secret. */
function textOf({ migration: { text }, statements }: Script, k: number): string | null {
  const at = statements[k];
  return at === undefined ? null : text.slice(at.start, at.end);
}

/** Resolves names as in the script, in a session with a different search path. */
function namesOutside(session: Session, { script, target }: StartedScript, context: UnitContext): Names {
  const home = script.allowsPublic ? null : target.schema;
  return { session, own: session, path: searchPath(unitSchema(target, null), context), home };
}

/** The invalid indexes that a range of statements (from 0, `to` excluded) can have left. */
export async function leftSince(
  names: Names,
  script: Script,
  { from, to = script.statements.length }: { readonly from: number; readonly to?: number },
): Promise<IndexName[]> {
  const range = Array.from({ length: Math.max(0, to - from) }, (_, i) => statementAt(script, from + i));
  const statements = (await Promise.all(range)).flatMap((at) => (at === null ? [] : [at.statement]));
  return invalidLeftBy(
    names,
    statements.flatMap((statement) => onlineChangeOf(statement) ?? []),
  );
}
