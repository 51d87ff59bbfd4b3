import { SqlmigError } from '../errors.ts';
import { closest } from '../text/closest.ts';

/** A kind of value that an option takes. */
export interface Kind {
  /** In words, such as "a whole number of at least 1". */
  readonly takes: string;
  readonly fits: (value: unknown) => boolean;
  /** True if it cannot be left out. */
  readonly required?: true;
  /** True if a wrong value may be a password, so that it is never shown. */
  readonly hidden?: true;
}

/** The kind of each option of a set, none left out. */
export type Kinds<O> = { readonly [K in keyof O]-?: Kind };

/** What an option is called in messages. */
export type Naming = (option: string) => string;

/** `true` or `false`. */
export const yesOrNo: Kind = { takes: 'true or false', fits: (value) => typeof value === 'boolean' };

/** An object with keys of its own. */
export const object: Kind = {
  takes: 'an object',
  fits: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** Text that is not empty. */
export const text: Kind = {
  takes: 'text that is not empty',
  fits: (value) => typeof value === 'string' && value !== '',
};

/** A list of names. */
export const textList: Kind = {
  takes: 'a list of names',
  fits: (value) => Array.isArray(value) && value.every((name) => text.fits(name)),
};

/** The name of a tenant, which the option cannot lack; `requireTenantName` judges it, an empty one as well. */
export const tenantName: Kind = { ...text, fits: (value) => typeof value === 'string', required: true };

/** A version of 1 to 18 digits, or `null`. */
export const version: Kind = {
  takes: 'a version, 1 to 18 digits',
  fits: (value) => value === null || (typeof value === 'string' && /^\d{1,18}$/.test(value)),
};

/** The kind of an option whose value is one of these words. */
export function oneOf(...words: readonly string[]): Kind {
  return {
    takes: words.map((word) => JSON.stringify(word)).join(' or '),
    fits: (value) => words.includes(String(value)) && typeof value === 'string',
  };
}

/** The kind of an option whose value is a list of these words. */
export function listOf(words: readonly string[]): Kind {
  return {
    takes: `a list of ${words.join(', ')}`,
    fits: (value) => Array.isArray(value) && value.every((item) => words.includes(item)),
  };
}

/** A whole number of at least `least`. */
export function wholeNumber(least = 1): Kind {
  return {
    takes: `a whole number of at least ${least}`,
    fits: (value) => Number.isSafeInteger(value) && Number(value) >= least,
  };
}

/** A kind of value, or `null`. */
export function nullable(kind: Kind): Kind {
  return { ...kind, fits: (value) => value === null || kind.fits(value) };
}

// Neither PostgreSQL nor Node counts further.
const mostMs = 2_147_483_647;

/** A time in milliseconds, as far as PostgreSQL and Node count them. */
export const milliseconds: Kind = {
  takes: `a whole number of milliseconds from 0 to ${mostMs}`,
  fits: (value) => wholeNumber(0).fits(value) && Number(value) <= mostMs,
};

/** What interrupts a run. */
export const abortSignal: Kind = {
  takes: 'an AbortSignal',
  fits: (value) => value instanceof AbortSignal,
};

/** A function of the caller's. */
export const callback: Kind = { takes: 'a function', fits: (value) => typeof value === 'function' };

/** The names that options have in the library. */
export const byName: Naming = (option) => `option ${option}`;

/**
 * Checks a caller's options; one that is `undefined` counts as left out.
 * @throws SqlmigError `bad-usage` naming the option.
 */
export function checkOptions(
  options: unknown,
  kinds: Readonly<Record<string, Kind>>,
  called: Naming = byName,
): void {
  checkValue('options', options, object);
  const given = Object.entries(options as object).filter(([, value]) => value !== undefined);
  const known = Object.keys(kinds);
  for (const [option, value] of given) {
    const kind = Object.hasOwn(kinds, option) ? kinds[option] : undefined;
    if (kind === undefined) throw unknownOption(option, known);
    checkValue(called(option), value, kind);
  }
  const names = given.map(([option]) => option);
  for (const [option, { required, takes }] of Object.entries(kinds)) {
    if (required && !names.includes(option))
      throw new SqlmigError('bad-usage', `${called(option)} is missing`, {
        hint: `it takes ${takes}`,
      });
  }
}

/** Checks one value; `called` is its name. @throws SqlmigError `bad-usage`. */
export function checkValue(called: string, value: unknown, { takes, fits, hidden }: Kind): void {
  if (fits(value)) return;
  const not = Number.isNaN(value) || hidden ? '' : `, not ${shown(value)}`;
  throw new SqlmigError('bad-usage', `${called} takes ${takes}${not}`);
}

/** The error for an option that means nothing without something else, in words. */
export function lacks(option: string, needs: string, called = byName): SqlmigError {
  return new SqlmigError('bad-usage', `${called(option)} requires ${needs}`);
}

function unknownOption(option: string, known: readonly string[]): SqlmigError {
  const meant = closest(option, known);
  const hint = meant === null ? `options are ${known.join(', ')}` : `did you mean ${meant}?`;
  return new SqlmigError('bad-usage', `there is no option ${option}`, { hint });
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'a list';
  if (typeof value !== 'object' || value === null) return String(value);
  return 'a different object';
}
