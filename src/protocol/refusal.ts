import { unitStates } from '../errors.ts';
import type { ServerError } from '../server/server-error.ts';
import { doBlock, quoteLiteral } from '../sql/quote.ts';

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
  SQM17: 'another run changes what all tenants share',
  SQM12: 'the session that held the lock is gone',
};

// What the run does next, for whoever reads the server's log.
const next: Readonly<Partial<Record<UnitState, string>>> = {
  SQM01: 'it will be tried again',
  SQM03: 'it will be looked at again',
  SQM05: 'tenants will be tried again',
  SQM06: 'it will be looked at again',
  SQM13: 'it will be looked at more closely',
};

/** A condition, as SQL, under which a unit must not go on, and why. */
export type Check = readonly [condition: string, state: UnitState];

/** PL/pgSQL that raises one of `unitStates`. */
export function raise(state: UnitState): string {
  const what = [messages[state], ...(next[state] === undefined ? [] : [next[state]])].join('; ');
  return `raise exception using errcode = '${state}', message = ${quoteLiteral(`sqlmig: ${what}`)};`;
}

/**
 * A statement that looks at conditions in turn, each with a snapshot of its own, and raises the state of the first that
 * holds. `before` is PL/pgSQL that comes first, with the variables of `declare`.
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
 * SQL condition that refuses to go on where one of the checks holds. Plain SQL cannot RAISE, and a DO block costs as much
 * as a short statement: so it is a cast that fails (22P02) with a text of ours. The process id keeps the planner from
 * evaluating it beforehand.
 */
export function holds(checks: readonly Check[]): string {
  const whens = checks.map(([condition, state]) => {
    const text = quoteLiteral(`sqlmig: ${messages[state]} (${state}#`);
    return `when ${condition} then concat(${text}, pg_backend_pid(), ')')::int4`;
  });
  return whens.length === 0 ? 'true' : `case ${whens.join('\n  ')} else 1 end = 1`;
}

/** Which of our own checks an error comes from; `null` where it is none of them. */
export function unitRefusalOf(error: ServerError): { state: UnitState; message: string } | null {
  // The server quotes our text as it is, whatever language the rest of its message has.
  const found = error.code === '22P02' ? /\((SQM\d\d)#\d+\)/.exec(error.message)?.[1] : error.code;
  const state = Object.values(unitStates).find((candidate) => candidate === found);
  return state === undefined ? null : { state, message: messages[state] };
}
