import { unitStates } from '../errors.ts';
import type { ServerError } from '../server/server-error.ts';
import { doBlock, quoteLiteral } from '../sql/quote.ts';

type UnitState = (typeof unitStates)[keyof typeof unitStates];

const messages: Readonly<Record<UnitState, string>> = {
  SQM01: 'another run is using this schema',
  SQM03: 'the history changed since it was read',
  SQM04: 'the schema was dropped, renamed or recreated',
  SQM05: 'public is being migrated',
  SQM06: 'public is behind',
  SQM09: 'the file ends the transaction it runs in',
  SQM13: 'the file may have changed another schema',
  SQM14: 'the file changes its own history',
  SQM15: 'the history table did not keep the row of this migration',
  SQM17: 'another run is changing catalog rows that all tenants share',
  SQM18: 'objects of other schemas depend on this schema',
  SQM19: 'the file would change more than its database',
  SQM20: 'the schema is not empty, as a snapshot requires',
  SQM12: 'the session that held the lock has ended',
};

// What the run does next, for readers of the server's log.
const next: Readonly<Partial<Record<UnitState, string>>> = {
  SQM01: 'it will be retried',
  SQM03: 'it will be read again',
  SQM05: 'tenants will be retried',
  SQM06: 'it will be read again',
  SQM13: 'the file will be rehearsed to find out',
  SQM20: 'the files will be run instead',
};

/** A condition, as SQL, under which a unit must stop, and why. */
export type Check = readonly [condition: string, state: UnitState];

/** PL/pgSQL that raises one of `unitStates`. */
export function raise(state: UnitState): string {
  const what = [messages[state], ...(next[state] === undefined ? [] : [next[state]])].join('; ');
  return `raise exception using errcode = '${state}', message = ${quoteLiteral(`sqlmig: ${what}`)};`;
}

/**
 * A statement that evaluates the checks in turn, each with its own snapshot, and raises the state of the first that
 * holds. `before` is PL/pgSQL to run first, with the variables of `declare`.
 */
export function refuseIf(
  checks: readonly Check[],
  { declare = '', before = '' }: { readonly declare?: string; readonly before?: string } = {},
): string {
  const branches = checks.map(([condition, state]) => `if ${condition} then ${raise(state)} end if;`);
  const variables = declare === '' ? '' : `declare ${declare} `;
  return doBlock(`${variables}begin\n${[...(before === '' ? [] : [before]), ...branches].join('\n')}\nend`);
}

/**
 * SQL condition that fails if one of the checks holds, and is true otherwise. Plain SQL cannot RAISE, and a DO block costs
 * as much as a short statement, so this is a cast that fails (22P02) and quotes our message. The process id keeps the
 * planner from evaluating the cast in advance.
 */
export function holds(checks: readonly Check[]): string {
  const whens = checks.map(([condition, state]) => {
    const text = quoteLiteral(`sqlmig: ${messages[state]} (${state}#`);
    return `when ${condition} then concat(${text}, pg_backend_pid(), ')')::int4`;
  });
  return whens.length === 0 ? 'true' : `case ${whens.join('\n  ')} else 1 end = 1`;
}

/** Returns the check that an error comes from; `null` if it is not one of ours. */
export function unitRefusalOf(error: ServerError): { state: UnitState; message: string } | null {
  // The server quotes our text unchanged in any language.
  const found = error.code === '22P02' ? /\((SQM\d\d)#\d+\)/.exec(error.message)?.[1] : error.code;
  const state = Object.values(unitStates).find((candidate) => candidate === found);
  return state === undefined ? null : { state, message: messages[state] };
}
