import { type Canary, parseMaxFailures } from '../decide/stop-rule.ts';
import { nameList, usage } from './options.ts';

/** Reads `--max-failures`. @throws SqlmigError `bad-usage`. */
export function maxFailuresOf(text: string) {
  const rule = typeof text === 'string' ? parseMaxFailures(text) : null;
  if (rule === null)
    throw usage(`--max-failures takes a number of at least 1 or a percentage, not "${text}"`);
  return rule;
}

/**
 * Reads `--canary`: `3`, `10%`, or names. A tenant named `42` is written `42,`.
 * @throws SqlmigError `bad-usage`.
 */
export function canaryOf(text: string): Canary {
  const number = typeof text === 'string' && /^\d+%?$/.test(text) ? parseMaxFailures(text) : null;
  if (number !== null) return 'count' in number ? number.count : number;
  const names = typeof text === 'string' && !/^\d+%?$/.test(text) ? nameList([text]) : [];
  if (names.length > 0) return { names };
  throw usage(`--canary takes a number of at least 1, a percentage or tenant names, not "${text}"`);
}
