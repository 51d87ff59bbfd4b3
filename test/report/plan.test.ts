import { expect, test } from 'vitest';
import { completePlan, planSchema } from '../../src/decide/plan.ts';
import type { HistoryRow } from '../../src/history/row.ts';
import { inRunningOrder } from '../../src/project/order.ts';
import type { Migration } from '../../src/sql/migration.ts';

const file = (version: string | null, name = 'x', checksum = 'same'): Migration => ({
  scope: 'tenant',
  version,
  name,
  checksum,
  file: `${version}_${name}.sql`,
  text: '',
});
const row = (
  version: string | null,
  name = 'x',
  checksum = 'same',
  state: HistoryRow['state'] = 'applied',
): HistoryRow => ({
  version,
  name,
  checksum,
  state,
});
const ids = (migrations: readonly Migration[]) => migrations.map((m) => m.version ?? m.name);

test('files run by number, repeatables last and by name', () => {
  const files = [file(null, 'b'), file('10'), file('0002'), file(null, 'B'), file('1')];
  expect(ids(inRunningOrder(files))).toEqual(['1', '0002', '10', 'B', 'b']);
});

// name, files, rows, options, steps, findings, refusal, version, ahead
type Case = [
  string,
  Migration[],
  HistoryRow[],
  object,
  string[],
  string[],
  string | null,
  string | null,
  string[],
];
test.for<Case>([
  ['nothing at all', [], [], {}, [], [], null, null, []],
  ['all pending', [file('1'), file('2'), file(null, 'v')], [], {}, ['1', '2', 'v'], [], null, null, []],
  ['all applied', [file('01')], [row('1')], {}, [], [], null, '01', []],
  ['one pending', [file('1'), file('2')], [row('1')], {}, ['2'], [], null, '1', []],
  [
    'a changed repeatable runs again',
    [file(null, 'v', 'new')],
    [row(null, 'v')],
    {},
    ['v'],
    [],
    null,
    null,
    [],
  ],
  [
    'a changed file refuses',
    [file('1', 'x', 'new'), file('2')],
    [row('1')],
    {},
    ['2'],
    ['checksum-changed'],
    'checksum-changed',
    '1',
    [],
  ],
  ['a renamed file', [file('1', 'new')], [row('1', 'old')], {}, [], ['renamed'], null, '1', []],
  [
    'a renamed file that was changed as well',
    [file('1', 'new', 'edited')],
    [row('1', 'old')],
    {},
    [],
    ['checksum-changed'],
    'checksum-changed',
    '1',
    [],
  ],
  [
    'unless it is ignored',
    [file('1', 'x', 'new'), file('2')],
    [row('1')],
    { ignoreChanged: true },
    ['2'],
    ['checksum-changed'],
    null,
    '1',
    [],
  ],
  [
    'a file that came too late refuses',
    [file('1'), file('2')],
    [row('2')],
    {},
    ['1'],
    ['out-of-order'],
    'out-of-order',
    '2',
    [],
  ],
  [
    'unless that is allowed',
    [file('1'), file('2')],
    [row('2')],
    { outOfOrder: true },
    ['1'],
    ['out-of-order'],
    null,
    '2',
    [],
  ],
  [
    'a file that is gone stops nobody',
    [file('2')],
    [row('1'), row('2')],
    {},
    [],
    ['file-missing'],
    null,
    '2',
    [],
  ],
  ['a newer release has run here', [file('1')], [row('1'), row('7')], {}, [], [], null, '7', ['7']],
  [
    'an incomplete one refuses, whatever is allowed',
    [file('1')],
    [{ ...row('1', 'x', 'same', 'incomplete'), inDoubt: true }],
    { ignoreChanged: true, outOfOrder: true },
    [],
    ['incomplete'],
    'incomplete',
    null,
    [],
  ],
  [
    'one that is not in doubt comes first, even before an older file',
    [file('1'), file('2'), file('3'), file('4')],
    [row('1'), row('3', 'x', 'same', 'incomplete')],
    {},
    ['3', '2', '4'],
    [],
    null,
    '1',
    [],
  ],
  [
    'one that is not in doubt refuses where its file was changed',
    [file('1', 'x', 'other')],
    [row('1', 'x', 'same', 'incomplete')],
    { ignoreChanged: true },
    [],
    ['incomplete'],
    'incomplete',
    null,
    [],
  ],
  [
    'up to a version, as a number',
    [file('1'), file('02'), file('3'), file(null, 'v')],
    [],
    { to: '2' },
    ['1', '02'],
    [],
    null,
    null,
    [],
  ],
  [
    'repeatables come when the last version is reached',
    [file('1'), file('2'), file(null, 'v')],
    [row('1')],
    { to: '2' },
    ['2', 'v'],
    [],
    null,
    '1',
    [],
  ],
  ['so many steps', [file('1'), file('2'), file('3')], [row('1')], { steps: 1 }, ['2'], [], null, '1', []],
])('%s', ([, files, rows, options, steps, findings, refusal, version, ahead]) => {
  const plan = planSchema(inRunningOrder(files), rows, completePlan(options, { outOfOrder: false }));
  expect({
    ...plan,
    steps: ids(plan.steps),
    findings: plan.findings.map((f) => f.kind),
    refusal: plan.refusal?.kind ?? null,
  }).toMatchObject({
    steps,
    findings,
    refusal,
    version,
    ahead,
  });
});

test('a migration that was started but not finished is not the version', () => {
  const files = [file('1'), file('2')];
  const options = completePlan({}, { outOfOrder: false });
  const begun = row('2', 'x', 'same', 'incomplete');
  expect(planSchema(files, [row('1'), begun], options).version).toBe('1');
  expect(planSchema(files, [begun], options).version).toBeNull();
  expect(planSchema([file('1')], [row('1'), begun], options).ahead).toEqual([]);
});

const baseline = (version: string, from: string, to: string) => ({
  ...file(version, 'base', 'squashed'),
  replaces: [{ from, to }],
});
const planned = (files: Migration[], rows: HistoryRow[]) => {
  const { steps, findings, refusal, version } = planSchema(
    files,
    rows,
    completePlan({}, { outOfOrder: false }),
  );
  return {
    steps: ids(steps),
    findings: findings.map(({ kind }) => kind),
    refusal: refusal?.kind ?? null,
    version,
  };
};
const applied = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => row(String(from + i)));

test.for([['5'], ['4']] as const)('a baseline %s that replaces 1..4', ([version]) => {
  const files = [baseline(version, '1', '4'), file('6')];
  const clean = { findings: [], refusal: null };
  expect(planned(files, [])).toEqual({ ...clean, steps: [version, '6'], version: null });
  expect(planned(files, applied(1, 4))).toEqual({ ...clean, steps: ['6'], version });
  expect(planned(files, [...applied(1, 4), row('6')])).toEqual({ ...clean, steps: [], version: '6' });
  const own = row(version, 'base', 'squashed');
  expect(planned(files, [own])).toEqual({ ...clean, steps: ['6'], version });
  expect(planned(files, [row(version, 'base', 'edited later')])).toMatchObject({
    refusal: 'checksum-changed',
  });
  expect(planned(files, applied(1, 2))).toMatchObject({
    steps: ['6'],
    findings: ['baseline-incomplete'],
    refusal: 'baseline-incomplete',
    version: '2',
  });
});

test('a gap below the end of what a baseline replaces cannot be told, and any other file is missing as before', () => {
  expect(planned([baseline('9', '3', '7')], [row('2'), row('7')])).toMatchObject({
    findings: ['file-missing'],
    refusal: null,
    version: '9',
  });
});
