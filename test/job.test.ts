import { expect, test } from 'vitest';
import type { AgainReason } from '../src/db/attempt.ts';
import { inTheWay, mostTries, putOff } from '../src/run/job.ts';
import type { Target } from '../src/run/look.ts';

const fresh = { target: { schema: 'acme' } as Target, tries: 0, because: {}, due: 0 };

test('only who waits for a key hears that it is free; every other reason is told as it is', () => {
  const told = (Object.keys(mostTries) as AgainReason[]).map((reason) => ({
    reason,
    text: inTheWay(putOff(fresh, reason), [], []),
  }));
  const free = told.filter(({ text }) => text === 'its lock is free again').map(({ reason }) => reason);
  expect(free).toEqual(['busy', 'waited']);
  expect(new Set(told.map(({ text }) => text)).size).toBe(told.length - 1);
});
