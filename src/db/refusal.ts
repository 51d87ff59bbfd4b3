import { quoteLiteral } from '../core/quote.ts';
import type { ServerError } from './server-error.ts';

/** SQLSTATEs that sqlmig's own checks raise inside a message; class "SQ" is used by nobody else. */
export const unitStates = {
  /** Another session holds the schema's key, or public's marker. */
  schemaBusy: 'SQM01',
  /** The history is not the one the plan was made from. */
  historyChanged: 'SQM03',
  /** The schema is gone, or another one has its name. */
  schemaMissing: 'SQM04',
  /** The fleet's key is held: a public unit runs or waits; for public, tenant units have not finished within its wait. */
  fleetBusy: 'SQM05',
  /** Public does not hold what this run saw there. */
  publicBehind: 'SQM06',
  /** The file ended the transaction it was in. */
  transactionEnded: 'SQM09',
  /** The file may have changed something outside of its tenant: it takes a closer look to tell. */
  suspicious: 'SQM13',
  /** The file changed the history table, or rows in it. */
  historyTouched: 'SQM14',
  /** The history table did not keep the row that was written to it. */
  rowRefused: 'SQM15',
  /** The session is not the one that took the locks. */
  lockLost: 'SQM12',
} as const;

type UnitState = (typeof unitStates)[keyof typeof unitStates];

const messages: Readonly<Record<UnitState, string>> = {
  SQM01: 'another run is at work in this schema',
  SQM03: 'the history changed since it was read',
  SQM04: 'the schema is gone, or another one has its name',
  SQM05: 'public is being migrated',
  SQM06: 'public is behind',
  SQM09: 'the file ends the transaction it runs in',
  SQM13: 'the file may have changed another schema',
  SQM14: 'the file changes its own history',
  SQM15: 'the history table did not keep the row of this migration',
  SQM12: 'the session that held the lock is gone',
};

/**
 * SQL of type integer that refuses to go on where it is evaluated. Plain SQL cannot RAISE, and a DO block costs as much
 * as all the checks together: so it is a cast that fails (22P02) with a text that says why. The process id keeps the
 * planner from evaluating it beforehand.
 */
export function refuse(state: UnitState): string {
  return `concat(${quoteLiteral(`${state}#`)}, pg_backend_pid())::int4`;
}

/** PL/pgSQL that raises one of `unitStates`; `detail` is SQL of type text. */
export function raise(state: UnitState, detail?: string): string {
  const more = detail === undefined ? '' : `, detail = ${detail}`;
  return `raise exception using errcode = '${state}', message = ${quoteLiteral(messages[state])}${more};`;
}

/** Which of our own checks an error comes from; `null` where it is none of them. */
export function refusalOf(error: ServerError): { state: UnitState; message: string } | null {
  const found = error.code === '22P02' ? /"(SQM\d\d)#\d+"/.exec(error.message)?.[1] : error.code;
  const state = Object.values(unitStates).find((candidate) => candidate === found);
  return state === undefined ? null : { state, message: messages[state] };
}
