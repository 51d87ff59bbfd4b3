import { ownPath } from '../server/session.ts';

/**
 * What a role's or a database's settings could make of the text of a file, or of ours, and what therefore is the same in
 * every session that applies migrations: PostgreSQL's own defaults. What is a choice of the place, such as
 * default_tablespace, work_mem or TimeZone, is left as it is.
 */
export const pinnedSettings: Readonly<Record<string, string>> = {
  search_path: ownPath,
  standard_conforming_strings: 'on',
  backslash_quote: 'safe_encoding',
  quote_all_identifiers: 'off',
  array_nulls: 'on',
  transform_null_equals: 'off',
  xmloption: 'content',
  xmlbinary: 'base64',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
};
