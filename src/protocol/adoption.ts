import { unitStates } from '../errors.ts';
import { historyTable } from '../history/history.ts';
import type { Script } from '../sql/migration.ts';
import { doBlock, quoteIdentifier, quoteLiteral } from '../sql/quote.ts';
import { createMissing } from './bootstrap.ts';
import { lockKey, lockObjects } from './keys.ts';
import { raise } from './refusal.ts';
import { schemaReplaced } from './unit-checks.ts';
import type { UnitContext, UnitSchema } from './unit-context.ts';
import { takeLocks } from './unit-locks.ts';
import { insertedColumns, insertedValues, rowFor } from './unit-row.ts';
import { begin, setOwnPath } from './unit-settings.ts';

/** A migration that another tool has applied. */
interface AppliedElsewhere {
  readonly script: Script;
  /** `null` if the tool records no time. */
  readonly appliedAt: string | null;
}

/** The history of another tool, as it was read. */
export interface OldHistory {
  readonly tool: string;
  readonly schema: string;
  readonly table: string;
  readonly oid: string;
  /** SQL query of its digest, and the digest that was read. */
  readonly digest: { readonly query: string; readonly value: string };
  /** SQL query of the sessions that show the tool at work. */
  readonly atWork: string;
  /** Renamed to this name, `closed` by a trigger, or left alone (`null`). */
  readonly takeOver: { readonly rename: string } | { readonly trigger: string } | null;
}

/** A history to take over, and the migrations that it records. */
export interface Adoption {
  readonly old: OldHistory;
  readonly applied: readonly AppliedElsewhere[];
}

// ACCESS EXCLUSIVE blocks readers behind it, so it waits no longer than they would notice.
const longestWaitMs = 500;

/**
 * Takes another tool's history over in one transaction under the locks of a unit: locks the old table, checks that it is
 * as it was read and that the tool is idle, makes it unusable for the tool, and records `applied` in a history of our own.
 */
export function composeAdoption(schema: UnitSchema, adoption: Adoption, context: UnitContext): string {
  const locks = takeLocks(schema, context, { activity: 'adopt', checks: [schemaReplaced(schema)] });
  return `${begin(context)}${locks}SET LOCAL lock_timeout = '${Math.min(context.lockTimeoutMs, longestWaitMs)}ms';
SET LOCAL row_security = off;
${adoptionSteps(schema, adoption, context)}COMMIT;
`;
}

/** The steps of `composeAdoption` after its locks. */
export function adoptionSteps(schema: UnitSchema, adoption: Adoption, context: UnitContext): string {
  const { old } = adoption;
  const own = historyTable(schema.schema, context.table);
  const name = quoteLiteral(historyTable(old.schema, old.table));
  const isOurs = old.takeOver !== null && 'rename' in old.takeOver;
  return doBlock(`begin
  lock table ${historyTable(old.schema, old.table)} in access exclusive mode;
  if to_regclass(${name})::oid is distinct from ${quoteLiteral(old.oid)}::oid then ${raise(unitStates.historyChanged)} end if;
  if (${old.digest.query}) is distinct from ${quoteLiteral(old.digest.value)} then ${raise(unitStates.historyChanged)} end if;
  if exists (${old.atWork}) then ${raise(unitStates.schemaBusy)} end if;
  perform pg_advisory_xact_lock(${lockKey(lockObjects.bootstrap)});
${isOurs ? '' : `${hasNoRows(own)}\n`}${takeOver(old)}${createMissing(schema.schema, context)}
${insertApplied(schema, { applied: adoption.applied, tool: old.tool }, context)}end`);
}

/** Begins a baseline's transaction, under the locks of a unit. */
export function composeBaselineStart(schema: UnitSchema, context: UnitContext): string {
  return `${begin(context)}${takeLocks(schema, context, { activity: 'adopt', checks: [schemaReplaced(schema)] })}SET LOCAL lock_timeout = '${context.lockTimeoutMs}ms';
SET LOCAL row_security = off;
`;
}

/** Records migrations as applied without running them, and commits. A history that has rows is refused. */
export function composeBaseline(
  schema: UnitSchema,
  applied: readonly AppliedElsewhere[],
  context: UnitContext,
): string {
  const own = historyTable(schema.schema, context.table);
  return `${setOwnPath}${doBlock(`begin
  perform pg_advisory_xact_lock(${lockKey(lockObjects.bootstrap)});
${hasNoRows(own)}
${createMissing(schema.schema, context)}
${insertApplied(schema, { applied, tool: 'baseline' }, context)}end`)}COMMIT;
`;
}

function hasNoRows(own: string): string {
  return `  if to_regclass(${quoteLiteral(own)}) is not null then
    if exists (select from ${own}) then ${raise(unitStates.historyChanged)} end if;
  end if;`;
}

function takeOver({ schema, table, tool, oid, takeOver: how }: OldHistory): string {
  if (how === null) return '';
  const old = historyTable(schema, table);
  if ('rename' in how) return `  alter table ${old} rename to ${quoteIdentifier(how.rename)};\n`;
  const name = quoteIdentifier(how.trigger);
  const message = quoteLiteral(`taken over by sqlmig: ${old} is the history that ${tool} kept`);
  const hint = quoteLiteral('migrate with: sqlmig up');
  const body = `begin raise exception using errcode = '55000', message = ${message}, hint = ${hint}; end`;
  return `  if not exists (select from pg_trigger where tgrelid = ${quoteLiteral(oid)}::oid and tgname = ${quoteLiteral(how.trigger)}) then
    create or replace function ${quoteIdentifier(schema)}.${name}() returns trigger language plpgsql as ${quoteLiteral(body)};
    create trigger ${name} before insert or update or delete or truncate on ${old}
      for each statement execute function ${quoteIdentifier(schema)}.${name}();
  end if;
`;
}

function insertApplied(
  schema: UnitSchema,
  { applied, tool }: Pick<Adoption, 'applied'> & { readonly tool: string },
  context: UnitContext,
): string {
  if (applied.length === 0) return '';
  const by = `${tool}; adopted by ${context.appliedBy}`;
  const rows = applied.map(({ script, appliedAt }) => {
    const time = appliedAt === null ? 'clock_timestamp()' : `${quoteLiteral(appliedAt)}::timestamptz`;
    return `(${insertedValues(rowFor({ script, schema, context }), { state: 'applied', by })}, ${time})`;
  });
  const own = historyTable(schema.schema, context.table);
  return `  insert into ${own} (${insertedColumns}, applied_at) values\n${rows.join(',\n')};\n`;
}
