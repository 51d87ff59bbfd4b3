import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../../src/project/duration.ts';

test.each([
  ['500ms', 500],
  ['5s', 5_000],
  ['15m', 900_000],
  ['1h', 3_600_000],
  ['90s', 90_000],
])('%s is written as it is read', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
  expect(formatDuration(ms)).toBe(text);
});
