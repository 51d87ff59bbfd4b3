import { unitStates } from '../errors.ts';
import { historyTable, rowOf } from '../history/history.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { mentions } from '../sql/reach.ts';
import { catalogEvidence, changesPublicRows, evidence, isWrittenHere, lockEvidence } from './evidence.ts';
import { scrutinyOf } from './guard.ts';
import { type Check, holds, refuseIf } from './refusal.ts';
import type { Unit } from './unit-context.ts';

/** What a unit should have left behind by the time its file is done. */
export interface Expected {
  /** The number of rows in the history, including the unit's own. */
  readonly rows: number;
  /** How many of them this transaction has written: 1, but in a rehearsal more. */
  readonly written?: number;
  /** This transaction has also created the history table, and therefore holds every lock on it. */
  readonly createdTable?: boolean;
  /** The file has been checked already, so other schemas need not be guarded again. */
  readonly trusted?: boolean;
}

/** The PL/pgSQL variable with the result of `lockEvidence`. */
export const evidenceVariable = 'sqlmig_evidence';

/** Refuses a unit whose file has changed what it must not: other schemas, its own history, its transaction. */
export function guards(unit: Unit, expected: Expected): string {
  const { script, schema, context } = unit;
  const scrutiny = expected.trusted === true ? 'none' : scrutinyOf(script, schema);
  const mayTouch = mayTouchHistory(unit);
  // Citus hides the tables that hold the rows of public from a query that joins pg_class, as that of the locks does.
  const countsRows = scrutiny === 'rows' || (scrutiny === 'all' && context.isCitus);
  const publicRows: Check[] = countsRows ? [[changesPublicRows(schema, context), unitStates.suspicious]] : [];
  // The most common case, not worth a DO block.
  if (scrutiny === 'rows' && !mayTouch) return `select ${holds(publicRows)} as kept;\n`;
  const catalogs = scrutiny === 'all' ? catalogEvidence(script, schema) : null;
  const checksLocks = scrutiny === 'all' || (mayTouch && expected.createdTable !== true);
  const checks: Check[] = [
    ...(checksLocks ? lockChecks : []),
    ...(mayTouch ? [historyTouched(unit, expected)] : []),
    ...(catalogs === null ? [] : [[catalogs, unitStates.suspicious] as const]),
    ...publicRows,
  ];
  if (checks.length === 0) return '';
  if (!checksLocks) return refuseIf(checks);
  return refuseIf(checks, {
    declare: `${evidenceVariable} int;`,
    before: `${evidenceVariable} := ${lockEvidence(schema, context, { everywhere: scrutiny === 'all', createdTable: expected.createdTable === true })};`,
  });
}

const lockChecks: readonly Check[] = [
  [`${evidenceVariable} = ${evidence.transactionEnded}`, unitStates.transactionEnded],
  [`${evidenceVariable} = ${evidence.historyAltered}`, unitStates.historyTouched],
  [`${evidenceVariable} = ${evidence.suspicious}`, unitStates.suspicious],
];

/**
 * Whether a script may change its own history, judging by its text. Merely writing rows of other tables does not count:
 * no trigger of theirs changes a history.
 */
function mayTouchHistory({ script, schema, context }: Unit): boolean {
  const [tables, schemas] = [new Set([context.table]), new Set([schema.schema])];
  return script.statements.some(({ reach }) => reach.code || mentions(reach, tables, schemas));
}

// Rows that another session has added do not count: they are not this file's doing, and the next unit sees them.
function historyTouched({ script, schema, context }: Unit, { rows, written = 1 }: Expected): Check {
  const { migration } = script;
  const here = isWrittenHere('xmin');
  const own = `${rowOf(migration)} and checksum = ${quoteLiteral(migration.checksum)} and state = 'applied'`;
  const condition = `(select count(*) filter (where ${here}) <> ${written} or count(*) filter (where not ${here}) < ${rows - written}
      or count(*) filter (where ${own}) <> 1 from ${historyTable(schema.schema, context.table)})`;
  return [condition, unitStates.historyTouched];
}
