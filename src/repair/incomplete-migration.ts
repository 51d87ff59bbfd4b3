import { type IndexName, invalidLeftBy, type Names } from '../execute/invalid-indexes.ts';
import { doubtOf, historyTable, readProgress, rowOf } from '../history/history.ts';
import { searchPath, type UnitContext, type UnitSchema } from '../protocol/unit-context.ts';
import type { Scope } from '../results.ts';
import type { Session } from '../server/session.ts';
import type { Script } from '../sql/migration.ts';
import { onlineChangeOf } from '../sql/online-change.ts';
import { statementAt } from '../sql/parse.ts';
import { commitsInParts } from '../sql/transaction-rules.ts';

/** How far an incomplete migration is. */
export interface IncompleteMigration {
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

/** A script that was begun in a schema; `changed`: its file has been changed since. */
interface BegunScript {
  readonly script: Script;
  readonly schema: UnitSchema;
  readonly changed: boolean;
}

/** Finds out how far a migration is in a schema. */
export async function describeIncomplete(
  session: Session,
  { script, schema, changed }: BegunScript,
  context: UnitContext,
): Promise<IncompleteMigration> {
  const { version, name, file } = script.migration;
  const progress = await readProgress(
    session,
    historyTable(schema.schema, context.table),
    rowOf(script.migration),
  );
  const inDoubt = doubtOf(progress);
  const at = inDoubt === null ? null : await statementAt(script, inDoubt - 1);
  const names = namesOutside(session, { script, schema }, context);
  // Statements are counted, so a changed file does not say which of them are done.
  const left = await leftSince(names, script, { from: changed ? 0 : progress.doneStatements });
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

/** Resolves names as in the script, in a session with another search path. */
function namesOutside(
  session: Session,
  { script, schema }: Omit<BegunScript, 'changed'>,
  context: UnitContext,
): Names {
  const home = script.allowsPublic ? null : schema.schema;
  return { session, own: session, path: searchPath(schema, context), home };
}

/** The invalid indexes that the statements of a range (from 0, `to` excluded) can have left. */
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
