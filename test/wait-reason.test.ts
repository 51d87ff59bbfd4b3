import { expect, test } from 'vitest';
import { mostRetries, type RetryReason } from '../src/decide/retry.ts';
import { waitReason } from '../src/fleet/wait-reason.ts';
import type { Target } from '../src/state/target.ts';

const job = { target: { schema: 'acme' } as Target, retries: 1, because: {}, due: 0 };

test('only a schema that waits for a key is reported as free; every other reason has its own words', () => {
  const told = (Object.keys(mostRetries) as RetryReason[]).map((last) => ({
    last,
    text: waitReason({ ...job, last }, [], []),
  }));
  const free = told.filter(({ text }) => text === 'its lock is free again').map(({ last }) => last);
  expect(free).toEqual(['busy', 'waited']);
  expect(new Set(told.map(({ text }) => text)).size).toBe(told.length - 1);
});
