import { unitStates } from '../errors.ts';
import { historyTable } from '../history/history.ts';
import { historyKey } from '../project/order.ts';
import { forTenantName } from '../sql/filling.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { mentions } from '../sql/reach.ts';
import { keyColumn } from './durations.ts';
import { catalogEvidence, changesPublicRows, evidence, isWrittenHere, lockEvidence } from './evidence.ts';
import { scrutinyOf } from './guard.ts';
import { type Check, holds, refuseIf } from './refusal.ts';
import type { JoinedUnits } from './unit-context.ts';

/** What the units of a transaction should have left behind by the time their files are done. */
export interface Expected {
  /** The number of rows in the history, including those of the units unless they follow. */
  readonly rows: number;
  /** How many of them this transaction has written: one for each unit, but in a rehearsal more; 0 if they follow. */
  readonly written?: number;
  /** This transaction has also created the history table, and therefore holds every lock on it. */
  readonly createdTable?: boolean;
  /** Histories of other scopes that this transaction has created as well. */
  readonly createdOthers?: readonly string[];
  /** The files have been checked already, so other schemas need not be guarded again. */
  readonly trusted?: boolean;
}

/** The PL/pgSQL variable with the result of `lockEvidence`. */
export const evidenceVariable = 'sqlmig_evidence';

/** Refuses units whose files have changed what they must not: other schemas, their own history, their transaction. */
export function guards(units: JoinedUnits, expected: Expected): string {
  const { scripts, schema, context } = units;
  const scrutiny = expected.trusted === true ? 'none' : scrutinyOf(scripts, schema);
  const mayTouch = mayTouchHistory(units);
  // Citus hides the tables with the rows of public from queries that join pg_class, such as the query of the locks.
  const countsRows = scrutiny === 'rows' || (scrutiny === 'all' && context.isCitus);
  const publicRows: Check[] = countsRows ? [[changesPublicRows(schema, context), unitStates.suspicious]] : [];
  // The most common case, not worth a DO block.
  if (scrutiny === 'rows' && !mayTouch) return `select ${holds(publicRows)} as kept;\n`;
  const catalogs = scrutiny === 'all' ? catalogEvidence(scripts, schema) : null;
  const isAlone = context.historyTables.length === 1;
  const checksLocks = scrutiny === 'all' || (mayTouch && (expected.createdTable !== true || !isAlone));
  const checks: Check[] = [
    ...(checksLocks ? lockChecks : []),
    ...(mayTouch ? [...historyDropped(units), historyTouched(units, expected)] : []),
    ...(catalogs === null ? [] : [[catalogs, unitStates.suspicious] as const]),
    ...publicRows,
  ];
  if (checks.length === 0) return '';
  if (!checksLocks) return refuseIf(checks);
  return refuseIf(checks, {
    declare: `${evidenceVariable} int;`,
    before: `${evidenceVariable} := ${lockEvidence(schema, context, { everywhere: scrutiny === 'all', createdTable: expected.createdTable === true, createdOthers: expected.createdOthers })};`,
  });
}

const lockChecks: readonly Check[] = [
  [`${evidenceVariable} = ${evidence.transactionEnded}`, unitStates.transactionEnded],
  [`${evidenceVariable} = ${evidence.historyAltered}`, unitStates.historyTouched],
  [`${evidenceVariable} = ${evidence.suspicious}`, unitStates.suspicious],
];

/**
 * Whether, by their text, scripts may change their own history or the history of another scope in the schema. Writing
 * rows of other tables does not count, because their triggers change no history.
 */
function mayTouchHistory({ scripts, schema, context }: JoinedUnits): boolean {
  const [tables, schemas] = [new Set(context.historyTables), new Set([schema.schema])];
  return scripts.some(({ statements }) =>
    statements.some(({ reach }) => reach.code || mentions(reach, tables, schemas)),
  );
}

/** The histories of other scopes that are dropped by name: a table that is gone leaves no lock that could be recognized. */
function historyDropped({ scripts, schema, context }: JoinedUnits): Check[] {
  const tables = new Set(context.historyTables.filter((name) => name !== context.table));
  const isOwn = (name: string | null) =>
    name === null || forTenantName(name, schema.schema) === schema.schema;
  const drops = scripts.some(({ statements }) =>
    statements.some(
      ({ kind, reach: { targets } }) =>
        kind === 'DropStmt' && targets.some((target) => tables.has(target.name) && isOwn(target.schema)),
    ),
  );
  return drops ? [['true', unitStates.historyTouched]] : [];
}

// Rows that another session has added do not count: they are not the files' doing, and the next unit sees them. A row that
// a file changes counts as written after those of the files before, and of its own. Rows that one statement changes have the
// same `cmin`, and are put in the reverse order of the files.
function historyTouched(
  { scripts, schema, context }: JoinedUnits,
  { rows, written = scripts.length }: Expected,
): Check {
  const history = historyTable(schema.schema, context.table);
  if (rows === 0) return [`exists (select from ${history})`, unitStates.historyTouched];
  const here = isWrittenHere('xmin');
  if (written === 0) {
    const condition = `(select count(*) filter (where ${here}) > 0 or count(*) < ${rows} from ${history})`;
    return [condition, unitStates.historyTouched];
  }
  const row = `${keyColumn} || ' ' || checksum || ' ' || state`;
  const inOrder = `(array_agg(${row} order by cmin::text::int8, version desc nulls first, name desc) filter (where ${here}))`;
  const expected = scripts.map(({ migration }) =>
    quoteLiteral(`${historyKey(migration)} ${migration.checksum} applied`),
  );
  const condition = `(select ${inOrder}[${written - scripts.length + 1}:] is distinct from array[${expected.join(', ')}]
      or count(*) filter (where not ${here}) < ${rows - written} from ${history})`;
  return [condition, unitStates.historyTouched];
}
