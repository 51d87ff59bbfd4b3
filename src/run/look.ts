import type { Config } from '../config.ts';
import { recogniseTool } from '../core/foreign-history.ts';
import { type PlanOptions, planSchema, type SchemaPlan } from '../core/plan.ts';
import {
  columnsOf,
  digestOf,
  emptyDigest,
  lookUpSchemas,
  type RecordedRow,
  readDigests,
  readRows,
} from '../db/history.ts';
import { readHolders } from '../db/holders.ts';
import type { Session } from '../db/session.ts';
import { errorOfAll, SqlmigError } from '../errors.ts';
import type { Migration, Scope } from '../model.ts';

/** A schema as it was found, and what is to be done to it. */
export interface Target {
  readonly schema: string;
  readonly scope: Scope;
  readonly exists: boolean;
  readonly hasHistory: boolean;
  readonly rows: readonly RecordedRow[];
  readonly plan: SchemaPlan;
  /** True when a migration is recorded as running and somebody holds the schema's lock: then it is, or an orphan of it. */
  readonly held: boolean;
}

/** What is looked at, and how it is judged. */
export interface Look {
  readonly scope: Scope;
  readonly files: readonly Migration[];
  readonly options: PlanOptions;
}

/**
 * Looks at schemas without any lock and plans each: one catalogue query, the digests of all histories in batches, and
 * the rows of one schema for each distinct digest; schemas with equal histories share rows and plan.
 * @throws SqlmigError `foreign-history` naming every schema whose history table is another tool's.
 */
export async function lookAt(
  session: Session,
  schemas: readonly string[],
  look: Look,
  config: Config,
): Promise<Target[]> {
  if (schemas.length === 0) return [];
  const table = config.historyTable;
  const present = new Map((await lookUpSchemas(session, schemas, table)).map((s) => [s.schema, s.history]));
  const foreign = schemas.filter((schema) => present.get(schema) === 'foreign');
  if (foreign.length > 0) throw await foreignHistory(session, foreign, table);

  const digests = await readDigests(
    session,
    schemas.filter((schema) => present.get(schema) === 'ours'),
    table,
  );
  const judged = new Map<string, Pick<Target, 'rows' | 'plan'>>();
  const judge = (digest: string, rows: readonly RecordedRow[]) => {
    const known = judged.get(digest) ?? { rows, plan: planSchema(look.files, rows, look.options) };
    judged.set(digest, known);
    return known;
  };
  judge(emptyDigest.digest, []);
  const targets: Target[] = [];
  for (const schema of schemas) {
    const digest = digests.get(schema);
    let verdict = judged.get(digest?.digest ?? emptyDigest.digest);
    if (verdict === undefined) {
      const rows = await readRows(session, schema, table);
      verdict = judge(digestOf(rows), rows);
    }
    const hasHistory = digest !== undefined;
    targets.push({
      schema,
      scope: look.scope,
      exists: present.has(schema),
      hasHistory,
      ...verdict,
      held: false,
    });
  }
  if (!targets.some(isRunning)) return targets;
  const held = await heldSchemas(session);
  return targets.map((target) => ({ ...target, held: isRunning(target) && held.has(target.schema) }));
}

/** Looks at one schema by its own rows, so that they tell which run applied them. */
export async function lookAgain(
  session: Session,
  schema: string,
  look: Look,
  config: Config,
): Promise<Target> {
  const now = await lookOnce(session, schema, look, config);
  if (!isRunning(now)) return now;
  // The lock first, then the row again: one that still says running after its lock was free was left behind.
  const held = (await heldSchemas(session)).has(schema);
  const then = await lookOnce(session, schema, look, config);
  return { ...then, held: held && isRunning(then) };
}

async function lookOnce(session: Session, schema: string, look: Look, config: Config): Promise<Target> {
  const [found] = await lookUpSchemas(session, [schema], config.historyTable);
  const hasHistory = found?.history === 'ours';
  const rows = hasHistory ? await readRows(session, schema, config.historyTable) : [];
  const plan = planSchema(look.files, rows, look.options);
  return { schema, scope: look.scope, exists: found !== undefined, hasHistory, rows, plan, held: false };
}

function isRunning({ rows }: Pick<Target, 'rows'>): boolean {
  return rows.some((row) => row.state === 'running');
}

/** The schemas whose key somebody holds. */
async function heldSchemas(session: Session): Promise<Set<string>> {
  const holders = await readHolders(session);
  return new Set(holders.filter((holder) => holder.granted).map((holder) => holder.key));
}

async function foreignHistory(
  session: Session,
  schemas: readonly string[],
  table: string,
): Promise<SqlmigError> {
  const errors: SqlmigError[] = [];
  for (const schema of schemas) {
    const columns = await columnsOf(session, schema, table);
    const message = `"${schema}"."${table}" is the history of ${recogniseTool(columns)} (${columns.join(', ')})`;
    errors.push(
      new SqlmigError('foreign-history', message, {
        schema,
        state: 'nothing was touched',
        hint: 'take it over with: sqlmig adopt; or set historyTable to another name',
      }),
    );
  }
  return errorOfAll(errors);
}
