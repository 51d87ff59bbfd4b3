import { SqlmigError, sqlstates, unitStates } from '../errors.ts';
import { type Attempt, attemptOf } from '../execute/attempt.ts';
import { unitSchema } from '../fleet/gate.ts';
import type { MigrationRun } from '../fleet/migrator.ts';
import { dropMark } from '../history/drop-mark.ts';
import { upgradeHistory } from '../history/history.ts';
import { insertMark } from '../history/mark.ts';
import { kindsOf } from '../project/scope-view.ts';
import { createMissing } from '../protocol/bootstrap.ts';
import { unitRefusalOf } from '../protocol/refusal.ts';
import { schemaReplaced } from '../protocol/unit-checks.ts';
import type { UnitContext, UnitSchema } from '../protocol/unit-context.ts';
import { takeLocks } from '../protocol/unit-locks.ts';
import { begin } from '../protocol/unit-settings.ts';
import { errorOfRepair, repairSchemas } from '../repair/repair.ts';
import type { ErrorDetails } from '../results.ts';
import { unitContext } from '../run/context.ts';
import { isServerError } from '../server/server-error.ts';
import type { Session } from '../server/session.ts';
import { doBlock, quoteIdentifier } from '../sql/quote.ts';
import { basisOf } from '../state/plan-source.ts';
import { readTargets, type Target } from '../state/target.ts';
import { fewAndMore } from '../text/few.ts';
import { type DropItem, readContents } from './contents.ts';
import { readOutsideDependents, refuseOutsideDependents } from './dependents.ts';

/** How a drop ended; `null` if the schema is gone. */
export type DropEnd = ErrorDetails | null;

/**
 * Drops a schema. If that takes more locks than one transaction may hold, the schema is marked in the histories of all
 * scopes, and its objects are dropped in several transactions, each under the locks of a tenant file. The last one drops
 * the histories and the schema.
 */
export async function dropSchema(work: MigrationRun, target: Target): Promise<DropEnd> {
  const { run, settings } = work;
  const context = unitContext(run, { ...settings, sync: true });
  let dropped = false;
  const outcomes = await repairSchemas(work, [target], {
    hasWork: ({ exists }) => exists && !dropped,
    openSession: () => run.openSession(),
    schemaRefusal: () => null,
    async attempt(session, now) {
      const attempt = await dropIn(session, now, { context, work });
      dropped = attempt.kind === 'done';
      return attempt;
    },
  });
  if (dropped) return null;
  const error = errorOfRepair(outcomes);
  return error.code === 'schema-missing' ? null : error;
}

interface DropJob {
  readonly context: UnitContext;
  readonly work: MigrationRun;
}

async function dropIn(session: Session, target: Target, { context, work }: DropJob): Promise<Attempt> {
  const { signal } = work.settings;
  const schema = unitSchema(target, null);
  let lockLimit = Number.POSITIVE_INFINITY;
  for (;;) {
    if (signal.aborted) return { kind: 'stopped' };
    try {
      const contents = await readContents(session, schema.schema, context.historyTables);
      lockLimit = Math.min(lockLimit, contents.mostLocks);
      const batch = firstItems(contents.items, lockLimit);
      const isLast = batch.length === contents.items.length;
      const mark = isLast ? '' : await marksOf(target, context, work);
      await session.run(
        composeDrop(schema, { items: batch, isLast, mark }, context),
        () => {},
        () => {},
      );
      if (isLast) return { kind: 'done', applied: [] };
    } catch (error) {
      const isFull = isServerError(error) && error.code === sqlstates.insufficientResources;
      // Another session has dropped or renamed an object in the meantime.
      const isGone = isServerError(error) && error.code === sqlstates.undefinedTable;
      if (isFull && lockLimit > 10) lockLimit = Math.floor(lockLimit / 2);
      else if (!isGone) return failedDrop(session, error, { schema, context });
    }
  }
}

async function failedDrop(
  session: Session,
  error: unknown,
  place: { readonly schema: UnitSchema; readonly context: UnitContext },
): Promise<Attempt> {
  if (!isServerError(error) || unitRefusalOf(error)?.state !== unitStates.dependents)
    return attemptOf(error, place);
  const { schema } = place.schema;
  return { kind: 'failed', error: dependentObjects(schema, await readOutsideDependents(session, schema)) };
}

/** The error for a schema that objects of other schemas depend on. */
export function dependentObjects(schema: string, outsiders: readonly string[]): SqlmigError {
  const what = fewAndMore(outsiders, 10);
  return new SqlmigError('dependent-objects', `objects of other schemas depend on "${schema}": ${what}`, {
    schema,
    state: 'they were not touched',
    hint: 'drop or change them first',
  });
}

function firstItems(items: readonly DropItem[], mostLocks: number): readonly DropItem[] {
  let locks = 0;
  const end = items.findIndex((item, i) => {
    locks += item.locks;
    return i > 0 && locks > mostLocks;
  });
  return end === -1 ? items : items.slice(0, end);
}

/**
 * SQL that marks a schema as half-dropped in its histories of all scopes. It creates missing histories, since another run
 * may be about to create one.
 */
async function marksOf(target: Target, context: UnitContext, { run, source }: MigrationRun): Promise<string> {
  const marks = [markOf(target, context)];
  const requests = [{ schema: target.schema, basis: { ...basisOf(source, 'tenant'), files: [] } }];
  for (const { historyTable } of kindsOf(run.config)) {
    const [kind] = await run.read((_, reader) => readTargets(requests, reader, historyTable));
    if (kind !== undefined) marks.push(markOf(kind, { ...context, table: historyTable }));
  }
  return marks.join('');
}

/**
 * SQL that marks a schema as half-dropped in a history, and creates the history if it is missing. Empty if the history
 * cannot have the mark, or has it.
 */
function markOf({ schema, trouble, isCurrent }: Target, context: UnitContext): string {
  if (trouble !== null && trouble.code !== 'tenant-moved') return '';
  const create = doBlock(`begin\n${createMissing(schema, context)}\nend`);
  const upgrade = isCurrent ? '' : upgradeHistory(schema, context.table);
  return `${create}${upgrade}${doBlock(`begin\n${insertMark(schema, dropMark, context)}end`)}`;
}

/** One transaction of a drop. Locking the tables first prevents others from creating objects that depend on them. */
function composeDrop(
  schema: UnitSchema,
  {
    items,
    isLast,
    mark,
  }: { readonly items: readonly DropItem[]; readonly isLast: boolean; readonly mark: string },
  context: UnitContext,
): string {
  const locks = takeLocks(schema, context, { activity: 'drop', checks: [schemaReplaced(schema)] });
  const tables = items.filter(({ kind }) => kind === 'TABLE').map(({ name }) => name);
  const lock =
    tables.length === 0 ? '' : `LOCK TABLE ONLY ${tables.join(', ONLY ')} IN ACCESS EXCLUSIVE MODE;\n`;
  const refuse = doBlock(`begin\n${refuseOutsideDependents(schema.schema)}\nend`);
  const drops = dropOrder.flatMap((kind) => {
    const names = items.filter((item) => item.kind === kind).map(({ name }) => name);
    return names.length === 0 ? [] : [`DROP ${kind} IF EXISTS ${names.join(', ')} CASCADE;\n`];
  });
  const end = isLast ? `DROP SCHEMA ${quoteIdentifier(schema.schema)} CASCADE;\n` : '';
  return `${begin(context)}${locks}${mark}${lock}${refuse}${drops.join('')}${end}COMMIT;\n`;
}

const dropOrder = ['VIEW', 'MATERIALIZED VIEW', 'FOREIGN TABLE', 'TABLE', 'SEQUENCE', 'ROUTINE'] as const;
