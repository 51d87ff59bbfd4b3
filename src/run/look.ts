import type { Config } from '../config.ts';
import { recogniseTool } from '../core/foreign-history.ts';
import { type PlanOptions, planSchema, type SchemaPlan } from '../core/plan.ts';
import { columnsOf, type RecordedRow } from '../db/history.ts';
import { readHolders } from '../db/holders.ts';
import { lookUpSchemas } from '../db/presence.ts';
import { type Reader, readHistories, scanHistories } from '../db/scan.ts';
import type { Session } from '../db/session.ts';
import type { Scans } from '../db/tenants.ts';
import { errorOfAll, SqlmigError } from '../errors.ts';
import type { Migration, Scope } from '../model.ts';

/** A schema as it was found, and what is to be done to it. */
export interface Target {
  readonly schema: string;
  readonly scope: Scope;
  readonly exists: boolean;
  /** OID of the schema; `null` where it does not exist. */
  readonly oid: string | null;
  readonly hasHistory: boolean;
  /** Triggers, rules or row security are on the history (see `Presence`). */
  readonly mayDiscard: boolean;
  /** Its rows can be updated while they are published. */
  readonly hasIdentity: boolean;
  readonly rows: readonly RecordedRow[];
  /** The history's digest as the server gave it; `null` without a history. */
  readonly digest: string | null;
  readonly plan: SchemaPlan;
  /** True when somebody holds the schema's lock; in a look at many schemas only where a migration is recorded as running. */
  readonly held: boolean;
}

/** What is looked at, and how it is judged. */
export interface Look {
  readonly scope: Scope;
  readonly files: readonly Migration[];
  readonly options: PlanOptions;
}

/** A schema to look at, and how it is judged. */
export interface Wanted {
  readonly schema: string;
  readonly look: Look;
}

/** Where schemas are looked at, and what is known of their histories already. */
export interface From extends Reader {
  readonly scans: Scans;
}

// So few histories are read at once; of more only the sum is, and the rows of one for each sum.
const fewHistories = 10;

/**
 * Looks at schemas without any lock and plans each: one catalogue query, all histories in short in batches, and the
 * rows of one schema for each distinct history; schemas with equal histories share rows and plan.
 * @throws SqlmigError `foreign-history` naming every schema whose history table is another tool's.
 */
export async function lookAt(wanted: readonly Wanted[], from: From, table: string): Promise<Target[]> {
  if (wanted.length === 0) return [];
  const { session } = from;
  const names = wanted.map(({ schema }) => schema);
  const present = await lookUpSchemas(session, names, table);
  const withTable = names.filter((schema) => present.get(schema)?.hasTable === true);
  const histories = await readAll(withTable, from, table);
  const missing = withTable.filter((schema) => !histories.has(schema));
  await refuseForeign(session, missing, table);

  const plans = new Map<Look, Map<readonly RecordedRow[], SchemaPlan>>();
  const planOf = (look: Look, rows: readonly RecordedRow[]) => {
    const ofLook = plans.get(look) ?? new Map<readonly RecordedRow[], SchemaPlan>();
    plans.set(look, ofLook);
    const plan = ofLook.get(rows) ?? planSchema(look.files, rows, look.options);
    ofLook.set(rows, plan);
    return plan;
  };
  const targets = wanted.map(({ schema, look }): Target => {
    const { rows, digest } = histories.get(schema) ?? none;
    return {
      schema,
      scope: look.scope,
      exists: present.has(schema),
      oid: present.get(schema)?.oid ?? null,
      hasHistory: histories.has(schema),
      mayDiscard: present.get(schema)?.mayDiscard ?? false,
      hasIdentity: present.get(schema)?.hasIdentity ?? true,
      rows,
      digest,
      plan: planOf(look, rows),
      held: false,
    };
  });
  if (!targets.some(isRunning)) return targets;
  const held = await heldSchemas(session);
  return targets.map((target) => ({ ...target, held: isRunning(target) && held.has(target.schema) }));
}

/** A history as it was read. */
interface History {
  readonly rows: readonly RecordedRow[];
  readonly digest: string | null;
}

const none: History = { rows: [], digest: null };

/** Every history; where there are many, equal ones share their rows. */
async function readAll(
  schemas: readonly string[],
  { scans, ...reader }: From,
  table: string,
): Promise<Map<string, History>> {
  if (schemas.length <= fewHistories) return readHistories(reader, schemas, table);
  const unknown = schemas.filter((schema) => !scans.has(schema));
  const known = new Map([...scans, ...(await scanHistories(reader, unknown, table))]);
  const result = new Map<string, History>();
  let open = schemas.filter((schema) => known.has(schema));
  while (open.length > 0) {
    const digestOf = (schema: string) => known.get(schema)?.digest ?? '';
    const first = new Map<string, string>();
    for (const schema of open) if (!first.has(digestOf(schema))) first.set(digestOf(schema), schema);
    const representatives = new Set(first.values());
    const read = await readHistories(reader, [...representatives], table);
    for (const [schema, history] of read) result.set(schema, history);
    // A history that changed since the scan stands for itself alone, and another speaks for its group.
    const byDigest = new Map([...read.values()].map((history) => [history.digest, history]));
    for (const schema of open) {
      const history = byDigest.get(digestOf(schema));
      if (history !== undefined && !result.has(schema)) result.set(schema, history);
    }
    open = open.filter((schema) => !result.has(schema) && !representatives.has(schema));
  }
  return result;
}

/** Looks at one schema by its own rows, so that they tell which run applied them. */
export async function lookAgain(
  session: Session,
  schema: string,
  look: Look,
  config: Config,
): Promise<Target> {
  // The lock first, then the row: one that still says running after its lock was free was left behind.
  const held = (await heldSchemas(session)).has(schema);
  return { ...(await lookOnce(session, schema, look, config)), held };
}

async function lookOnce(session: Session, schema: string, look: Look, config: Config): Promise<Target> {
  const from = { session, spare: async () => null, scans: new Map() };
  const [target] = await lookAt([{ schema, look }], from, config.historyTable);
  if (target === undefined) throw new RangeError('one schema gives one target');
  return target;
}

function isRunning({ rows }: Pick<Target, 'rows'>): boolean {
  return rows.some((row) => row.state === 'running');
}

/** The schemas whose key somebody holds. */
async function heldSchemas(session: Session): Promise<Set<string>> {
  const holders = await readHolders(session);
  return new Set(holders.filter((holder) => holder.granted).map((holder) => holder.key));
}

/** Of schemas whose table has not our columns, or was dropped meanwhile, the first are refused. */
async function refuseForeign(session: Session, schemas: readonly string[], table: string): Promise<void> {
  const errors: SqlmigError[] = [];
  for (const schema of schemas) {
    const columns = await columnsOf(session, schema, table);
    if (columns.length === 0) continue;
    const message = `"${schema}"."${table}" is the history of ${recogniseTool(columns)} (${columns.join(', ')})`;
    errors.push(
      new SqlmigError('foreign-history', message, {
        schema,
        state: 'nothing was touched',
        hint: 'take it over with: sqlmig adopt; or set historyTable to another name',
      }),
    );
  }
  if (errors.length > 0) throw errorOfAll(errors);
}
