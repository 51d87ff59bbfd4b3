import type { Scope } from '../results.ts';
import { bareRangesOf } from './comments.ts';
import { tenantMark } from './filling.ts';
import type { Lint } from './migration.ts';
import type { ParsedStatement } from './parse.ts';
import type { Range } from './ranges.ts';

/** What pg_dump writes around a schema, and a migration leaves out. */
interface DumpHead {
  /** Statements that would undo what sqlmig sets for a file; empty if the file is not a dump. */
  readonly leftOut: readonly ParsedStatement[];
  readonly lints: readonly Lint[];
}

// The settings of pg_dump 15 to 18, all but search_path. Those that what follows may need are kept; they end with the file.
const leftOut =
  /^SET (?:(?:statement_timeout|lock_timeout|idle_in_transaction_session_timeout|transaction_timeout) = 0|client_encoding = '[\w-]+'|standard_conforming_strings = on|client_min_messages = warning|row_security = off)$/;
const kept =
  /^SET (?:check_function_bodies = false|xmloption = content|default_tablespace = ''|default_table_access_method = heap)$/;
const emptyPath = /^SELECT pg_catalog\.set_config\('search_path', '', false\)$/;

/** The head of a file that begins as pg_dump begins one, with what should be known of it. */
export function dumpHead(statements: readonly ParsedStatement[], text: string, scope: Scope): DumpHead {
  const textOf = ({ start, end }: ParsedStatement) => text.slice(start, end);
  const isHead = (statement: ParsedStatement) =>
    [leftOut, kept, emptyPath].some((form) => form.test(textOf(statement)));
  const end = statements.findIndex((statement) => !isHead(statement));
  const head = end === -1 ? statements : statements.slice(0, end);
  const path = head.find((statement) => emptyPath.test(textOf(statement)));
  if (path === undefined) return { leftOut: [], lints: [] };
  const message = 'this dump empties search_path and disables timeouts; sqlmig omits those lines';
  return {
    leftOut: head.filter((statement) => !kept.test(textOf(statement))),
    lints: [
      { rule: 'dump-head', index: path.start, message },
      ...(scope === 'tenant' ? dumpedSchema(statements) : []),
    ],
  };
}

/** Where a dump first names the schema that it was made of. */
function dumpedSchema(statements: readonly ParsedStatement[]): Lint[] {
  for (const { kind, fields, start } of statements) {
    const { schemaname } = (kind === 'CreateStmt' ? fields.relation : {}) as { readonly schemaname?: string };
    if (schemaname === undefined || schemaname.includes(tenantMark)) continue;
    const message = `the dump was made of schema ${schemaname}, and its names refer to that schema in every tenant; remove "${schemaname}." and CREATE SCHEMA from the file`;
    return [{ rule: 'dump-of-schema', index: start, message }];
  }
  return [];
}

const restriction = /^\\(?:un)?restrict [A-Za-z0-9]+[ \t]*$/gm;

/** The `\restrict` and `\unrestrict` lines around a dump, which are for psql. */
export function restrictions(text: string): Range[] {
  if (!text.includes('\\')) return [];
  return [...bareRangesOf(text)].flatMap(({ start, end }) =>
    [...text.slice(start, end).matchAll(restriction)]
      .filter(({ index }) => index > 0 || start === 0 || /[\r\n]/.test(text[start - 1] ?? ''))
      .map(({ 0: line, index }) => ({ start: start + index, end: start + index + line.length })),
  );
}
