import { type Canary, parseMaxFailures } from '../decide/stop-rule.ts';
import { defaults } from '../project/defaults.ts';
import { nameList, usage } from './options.ts';

/** The flag that limits how many tenants are migrated at once. */
export const concurrencyOption = {
  concurrency: {
    type: 'number',
    takes: 'N',
    describe: `Migrate up to N tenants at once [${defaults.concurrency}; ${defaults.concurrencyBefore17} up to PostgreSQL 16]`,
  },
} as const;

/** The flag that limits failures. */
export const maxFailuresOption = {
  'max-failures': {
    type: 'string',
    takes: 'K|P%',
    default: String(defaults.maxFailures),
    describe: 'Start no more tenants after K (or P%) failures',
  },
} as const;

/** The flag for a config with several databases. */
export const requireAllOption = {
  'require-all': {
    type: 'boolean',
    default: false,
    describe: 'Start in none of several databases unless all can be reached and checked',
  },
} as const;

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
