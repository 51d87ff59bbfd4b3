import { unitStates } from '../errors.ts';
import { historyTable, rowOf, selectDigest } from '../history/history.ts';
import { isFenced } from '../history/move-mark.ts';
import { isAsCreated } from '../history/presence.ts';
import { historyKey } from '../project/order.ts';
import { canonicalVersion } from '../project/version.ts';
import { quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { type Check, refuseIf } from './refusal.ts';
import type { Unit, UnitContext, UnitSchema } from './unit-context.ts';

/** Checks that the plan is stale: what it was made from has changed, or the tenant was moved. */
export function isStale(schema: UnitSchema, context: UnitContext): Check[] {
  return [...movedAway(schema, context), ...isChanged(schema, context)];
}

/** Checks that the schema, public or the history has changed since it was read. */
export function isChanged(schema: UnitSchema, context: UnitContext): Check[] {
  const { digest, history } = schema;
  const own = historyTable(schema.schema, context.table);
  return [
    schemaReplaced(schema),
    ...publicBehind(schema, context),
    digest === null
      ? rowsAdded(history.length, schema, context)
      : [`(${selectDigest(own)}) <> ${quoteLiteral(digest)}`, unitStates.historyChanged],
  ];
}

/** Checks that a move has closed the tenant. A history without rows does not show that: it may be newer than the mark. */
function movedAway({ schema, history }: UnitSchema, { historyTables }: UnitContext): Check[] {
  if (history.length > 0 || historyTables.length === 1) return [];
  return [[isFenced(quoteLiteral(schema)), unitStates.historyChanged]];
}

/** A statement that is refused if the plan is stale. */
export function checkUnchanged(schema: UnitSchema, context: UnitContext): string {
  return refuseIf(isStale(schema, context));
}

/** The lock names an OID: a schema created anew under the same name would not be locked at all. */
export function schemaReplaced({ schema, oid }: UnitSchema): Check {
  const name = quoteLiteral(quoteIdentifier(schema));
  return [
    `to_regnamespace(${name})::oid is distinct from ${quoteLiteral(oid ?? '0')}::oid`,
    unitStates.schemaMissing,
  ];
}

/** Something is in a schema that a snapshot is about to fill, or was changed about it since CREATE SCHEMA. */
export function isOccupied({ schema }: UnitSchema, { table }: UnitContext): Check[] {
  const untouched = `select from pg_namespace n where n.nspname = ${quoteLiteral(schema)} and ${isAsCreated(table)}`;
  return [[`not exists (${untouched})`, unitStates.notEmpty]];
}

/** The name of a schema that is about to be created has been taken, or public has changed. */
export function newNameTaken(schema: UnitSchema, context: UnitContext): Check[] {
  const name = quoteLiteral(quoteIdentifier(schema.schema));
  return [
    [`to_regnamespace(${name}) is not null`, unitStates.historyChanged],
    ...publicBehind(schema, context),
  ];
}

function publicBehind({ requires }: UnitSchema, { publicSchema, publicTable }: UnitContext): Check[] {
  if (requires === null) return [];
  const seen = selectDigest(
    historyTable(publicSchema, publicTable),
    `version <= ${canonicalVersion(requires.upTo)}`,
  );
  return [[`(${seen}) <> ${quoteLiteral(requires.digest)}`, unitStates.publicBehind]];
}

/**
 * The history no longer has this number of rows. Enough between two units of a message, where another run can only have
 * added rows or begun a migration.
 */
export function rowsAdded(
  rows: number,
  { schema, history }: UnitSchema,
  { table }: Pick<UnitContext, 'table'>,
): Check {
  const begun = history.filter(({ state }) => state !== 'applied').length;
  const count = `(select count(*) + count(*) filter (where state <> 'applied') from ${historyTable(schema, table)})`;
  return [`${count} <> ${rows + begun}`, unitStates.historyChanged];
}

/** Another run has applied this repeatable: it replaces a row, which the number of rows does not show. */
export function repeatableApplied({ script: { migration }, schema, context }: Unit): Check[] {
  if (migration.version !== null) return [];
  const planned = schema.history.find((row) => historyKey(row) === historyKey(migration))?.checksum;
  const own = `select checksum from ${historyTable(schema.schema, context.table)} where ${rowOf(migration)}`;
  const condition = `(${own}) is distinct from ${planned === undefined ? 'null' : quoteLiteral(planned)}`;
  return [[condition, unitStates.historyChanged]];
}
