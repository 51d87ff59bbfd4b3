import { expect, test } from 'vitest';
import {
  type AfterError,
  afterError,
  type FailedMessage,
  type MessageError,
  type RaisedError,
  retryReason,
} from '../../src/decide/after-error.ts';
import { afterSessionError } from '../../src/decide/after-session-error.ts';
import type { RetryReason } from '../../src/decide/retry.ts';
import { sqlstates, unitStates } from '../../src/errors.ts';

const raised = (state: string, more: Partial<MessageError> = {}): MessageError => ({
  state,
  isCatalogRace: false,
  violatesHistory: false,
  isWaiting: false,
  position: null,
  namesHistory: false,
  missesHistory: false,
  ...more,
});
/** Three units; the first is committed and the second began. */
const message: FailedMessage = {
  units: 3,
  committed: 1,
  begun: 1,
  elapsedMs: 5,
  joined: false,
  interrupted: false,
};
const blamed = { kind: 'blame-file', unit: 1, index: null, replay: true, retry: null } as const;
const retried = (retry: RetryReason) => ({ ...blamed, replay: false, retry }) as const;
const rethrown: AfterError = { kind: 'rethrow' };
const syntaxError = '42601';
const divisionByZero = '22012';

test.for<[string, string, Partial<RaisedError>, RetryReason | null]>([
  ['another session has the schema', unitStates.schemaBusy, {}, 'busy'],
  ['public is being migrated', unitStates.fleetBusy, {}, 'busy'],
  ['another session changes shared rows', unitStates.sharedBusy, {}, 'busy'],
  ['public is behind', unitStates.publicBehind, {}, 'public'],
  ['the history changed', unitStates.historyChanged, {}, 'stale'],
  ['the schema is gone', unitStates.schemaMissing, {}, 'stale'],
  ['the locks are lost', unitStates.lockLost, {}, 'lost'],
  ['the file ended its transaction', unitStates.transactionEnded, {}, null],
  ['the file may have changed another schema', unitStates.suspicious, {}, null],
  ['the file changed its history', unitStates.historyTouched, {}, null],
  ['the history did not keep the row', unitStates.rowRefused, {}, null],
  ['a lock timeout in a file', sqlstates.lockNotAvailable, {}, 'lock-wait'],
  ['a lock timeout of public', sqlstates.lockNotAvailable, { isWaiting: true }, 'waited'],
  ['a deadlock', sqlstates.deadlockDetected, {}, 'lock-wait'],
  ['no room for locks', sqlstates.insufficientResources, {}, 'lock-wait'],
  ['a duplicate row of the history', sqlstates.uniqueViolation, { violatesHistory: true }, 'stale'],
  ['a duplicate row of a catalog', sqlstates.uniqueViolation, { isCatalogRace: true }, 'shared-rows'],
  ['a duplicate row of a table', sqlstates.uniqueViolation, {}, null],
  ['tuple concurrently updated', sqlstates.internalError, { isCatalogRace: true }, 'shared-rows'],
  ['another internal error', sqlstates.internalError, {}, null],
  ['a check constraint of the history', '23514', { violatesHistory: true }, null],
  ['a canceled statement', sqlstates.queryCanceled, {}, null],
  ['a missing table', sqlstates.undefinedTable, {}, null],
  ['a division by zero', divisionByZero, {}, null],
])('a retry after %s (%s)', ([, state, more, reason]) => {
  expect(retryReason(raised(state, more))).toBe(reason);
});

test.for<[string, MessageError, Partial<FailedMessage>, AfterError]>([
  ['an interrupted run', raised(divisionByZero), { interrupted: true }, rethrown],
  ['an interrupted run that was busy', raised(unitStates.schemaBusy), { interrupted: true }, rethrown],
  // What says nothing about a file needs no count of what is committed.
  ['busy', raised(unitStates.schemaBusy), { committed: null }, { kind: 'put-off', reason: 'busy' }],
  ['stale', raised(unitStates.schemaMissing), { committed: null }, { kind: 'put-off', reason: 'stale' }],
  [
    'public that waited',
    raised(sqlstates.lockNotAvailable, { isWaiting: true }),
    { committed: null },
    { kind: 'put-off', reason: 'waited' },
  ],
  ['not counted yet', raised(divisionByZero), { committed: null }, { kind: 'count-committed' }],
  [
    'a lock timeout, not counted yet',
    raised(sqlstates.lockNotAvailable),
    { committed: null },
    { kind: 'count-committed' },
  ],
  ['suspicious', raised(unitStates.suspicious), {}, { kind: 'probe', unit: 1 }],
  // The file.
  ['a statement failed', raised(divisionByZero), {}, blamed],
  ['it took long', raised(divisionByZero), { elapsedMs: 10_000 }, { ...blamed, replay: false }],
  ['a lock timeout', raised(sqlstates.lockNotAvailable), {}, retried('lock-wait')],
  ['a deadlock', raised(sqlstates.deadlockDetected), {}, retried('lock-wait')],
  ['a catalog race', raised(sqlstates.internalError, { isCatalogRace: true }), {}, retried('shared-rows')],
  ['the file ended its transaction', raised(unitStates.transactionEnded), {}, blamed],
  ['at a position', raised(syntaxError, { position: { unit: 1, index: 7 } }), {}, { ...blamed, index: 7 }],
  // The text was refused before any of it ran.
  [
    'a syntax error in a later unit',
    raised(syntaxError, { position: { unit: 2, index: 7 } }),
    { committed: 0, begun: null },
    { kind: 'resend', from: 0 },
  ],
  [
    'a syntax error in the first unit',
    raised(syntaxError, { position: { unit: 0, index: 7 } }),
    { committed: 0, begun: null },
    { ...blamed, unit: 0, index: 7 },
  ],
  [
    'a deadlock at a position in a later unit',
    raised(sqlstates.deadlockDetected, { position: { unit: 2, index: 7 } }),
    {},
    { ...retried('lock-wait'), unit: 2, index: 7 },
  ],
  // The history.
  [
    'the file dropped its history',
    raised(sqlstates.undefinedTable, { missesHistory: true, namesHistory: true }),
    {},
    { kind: 'blame-history', unit: 1 },
  ],
  [
    'the history was missing before the file began',
    raised(sqlstates.undefinedTable, { missesHistory: true, namesHistory: true }),
    { begun: 0 },
    rethrown,
  ],
  // sqlmig's own statements.
  ['a position outside the files', raised(syntaxError, { position: 'outside' }), {}, rethrown],
  [
    'no right to the history',
    raised(sqlstates.insufficientPrivilege, { namesHistory: true }),
    { begun: 0 },
    rethrown,
  ],
  [
    'no right to a table of the same name, in a file',
    raised(sqlstates.insufficientPrivilege, { namesHistory: true }),
    {},
    blamed,
  ],
  ['no right to another table', raised(sqlstates.insufficientPrivilege), { begun: 0 }, blamed],
  ['a read-only database', raised(sqlstates.readOnly), {}, rethrown],
  [
    'READ ONLY at a position in the file',
    raised(sqlstates.readOnly, { position: { unit: 1, index: 0 } }),
    {},
    { ...blamed, index: 0 },
  ],
  ['after the last commit', raised(divisionByZero), { committed: 3 }, rethrown],
])('after %s', ([, error, facts, decided]) => {
  expect(afterError(error, { ...message, ...facts })).toEqual(decided);
});

test.for([
  ['lost', false, 0, 'retry'],
  ['lost', true, 3, 'interrupt'],
  [null, false, 3, 'fail'],
  ['no-room', false, 3, 'stand-aside'],
  ['no-room', false, 0, 'fail'],
  ['unreachable', false, 3, 'leave'],
  ['unreachable', false, 0, 'fail'],
] as const)('a worker whose session is %s, interrupted %s, with %i others: %s', (row) => {
  const [failure, interrupted, others, decided] = row;
  expect(afterSessionError({ failure, interrupted, others })).toBe(decided);
});
