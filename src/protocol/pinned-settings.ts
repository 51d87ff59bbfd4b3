import { ownPath } from '../server/session.ts';

/**
 * Settings of a role or a database that would change the meaning of a file, or of sqlmig's own statements. Every session
 * that applies migrations therefore uses PostgreSQL's defaults. Local choices such as default_tablespace, work_mem or
 * TimeZone are respected.
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
