import { fewOfEach } from '../text/few.ts';
import { literalPattern } from '../text/literal-pattern.ts';
import { tenantMark } from './filling.ts';
import { foldedName, identifierPattern } from './identifier.ts';
import { isTooLongToKeep, longestKept } from './kept-down.ts';
import type { Lint, Migration } from './migration.ts';
import type { ParsedStatement } from './parse.ts';
import { blanks } from './ranges.ts';

/** The names that lints know. */
interface KnownNames {
  readonly publicSchema: string;
  /** True for the name of an object that tenant files create. */
  readonly isTenants: (name: string) => boolean;
}

/**
 * Common mistakes in tenant files: names that reach out of the tenant, objects that the whole database shares, and
 * catalog queries that see all tenants at once. None is certainly a mistake. In every scope, also a down file that is
 * too long to keep.
 */
export function lintsOf(
  { text, scope, undoneBy }: Migration,
  statements: readonly ParsedStatement[],
  names: KnownNames,
): Lint[] {
  const long = undoneBy !== undefined && isTooLongToKeep(undoneBy) ? [tooLong(undoneBy)] : [];
  if (scope === 'public') return long;
  const code = withoutAnyComments(text);
  return [
    ...long,
    ...hardCodedSchema(code, names),
    ...statements.flatMap((statement) => sharedObject(statement, code)),
    ...statements.filter(({ kind }) => looksAround.has(kind)).flatMap((at) => unfilteredCatalog(at, code)),
  ];
}

/** The first lints of each rule, in the file's order; the last says how many more there are. */
export function mainLints(lints: readonly Lint[]): Lint[] {
  return fewOfEach(
    [...lints].sort((a, b) => a.index - b.index),
    {
      kindOf: ({ rule }) => rule,
      most: mostOfOneRule,
      withMore: (lint, more) => ({ ...lint, message: `${lint.message} (and ${more} more in this file)` }),
    },
  );
}

const mostOfOneRule = 10;

function tooLong({ file }: Migration): Lint {
  const message = `${file} is longer than ${longestKept} bytes, so the history does not keep it: a release without the file cannot undo this migration`;
  return { rule: 'down-too-long', index: 0, message };
}

// Those in the bodies of functions and blocks as well.
function withoutAnyComments(text: string): string {
  return text.replace(/--[^\r\n]*|\/\*[\s\S]*?(?:\*\/|$)/g, blanks);
}

function hardCodedSchema(code: string, { publicSchema: schema, isTenants }: KnownNames): Lint[] {
  const escaped = literalPattern(schema);
  const qualified = new RegExp(
    `(?<![\\w."$])(?:${escaped}|"${escaped}")\\s*\\.(?=\\s*(${identifierPattern}))`,
    'giu',
  );
  return [...code.matchAll(qualified)]
    .map(({ 1: identifier = '', index }) => ({ name: foldedName(identifier), index }))
    .filter(({ name }) => isTenants(name))
    .map(({ name, index }) => ({
      rule: 'hard-coded-schema',
      index,
      message: `hard-coded schema "${schema}", but tenant files create ${name}; omit the schema to use the tenant's own`,
    }));
}

const sharedKinds: Readonly<Record<string, string>> = {
  CreateExtensionStmt: 'CREATE EXTENSION',
  CreateSchemaStmt: 'CREATE SCHEMA',
  CreateRoleStmt: 'CREATE ROLE',
};
const sharedInBlock = /\bcreate\s+(extension|schema|role|user)\b/gi;

function sharedObject({ kind, fields, start, end }: ParsedStatement, code: string): Lint[] {
  const lint = (index: number, what: string): Lint => ({
    rule: 'shared-object',
    index,
    message: `${what} in a tenant file creates an object shared by the whole database; it belongs in a public file`,
  });
  // Each tenant has one of its own.
  if (String(fields.role ?? fields.schemaname).includes(tenantMark)) return [];
  const what = sharedKinds[kind];
  if (what !== undefined) return [lint(start, what)];
  if (kind !== 'DoStmt') return [];
  return [...code.slice(start, end).matchAll(sharedInBlock)].map((match) =>
    lint(start + match.index, `CREATE ${match[1]?.toUpperCase()}`),
  );
}

const looksAround: ReadonlySet<string> = new Set([
  'DoStmt',
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'CreateFunctionStmt',
]);
const catalog =
  /\bpg_(?:constraint|class|type|proc|trigger|indexes|tables|views|matviews|sequences|policies)\b|\binformation_schema\s*\.\s*(?!schemata\b)\w+/gi;
// Any of these restricts the query to a schema; a name cast to regclass or regtype is found by search_path.
const filter = /\b\w*(?:namespace|nspname|schema|schemas|schemaname)\b|::\s*reg\w+|\bto_reg\w+/gi;

function unfilteredCatalog({ start, end }: ParsedStatement, code: string): Lint[] {
  const body = code.slice(start, end);
  const found = [...body.matchAll(catalog)];
  if (found.length === 0) return [];
  const filters = [...body.matchAll(filter)].filter(({ 0: word }) => !/^information_schema$/i.test(word));
  const queries = queriesAround(
    body,
    found.map(({ index }) => index),
  );
  const isFiltered = (index: number) => {
    const query = queries.get(index);
    const next = filters[firstAtLeast(filters, query?.from ?? 0)];
    return next !== undefined && next.index < (query?.to ?? body.length);
  };
  return found
    .filter(({ index }) => !isFiltered(index))
    .map(({ 0: name, index }) => ({
      rule: 'unfiltered-catalog',
      index: start + index,
      message: `${name} is queried without a schema filter and sees all tenants; compare with current_schema(), or cast the name to regclass`,
    }));
}

/** The place in a list of matches of the first that begins at an index or after it. */
function firstAtLeast(matches: readonly { readonly index: number }[], index: number): number {
  let [low, high] = [0, matches.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((matches[middle]?.index ?? 0) < index) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** For indexes in rising order: the innermost brackets around each, else the statement it is in. One pass for all. */
function queriesAround(
  body: string,
  indexes: readonly number[],
): Map<number, { readonly from: number; to: number }> {
  const result = new Map<number, { readonly from: number; to: number }>();
  const outer: { readonly from: number; to: number }[] = [];
  let query = { from: 0, to: body.length };
  let next = 0;
  for (const { 0: char, index } of body.matchAll(/[();]/g)) {
    for (; (indexes[next] ?? index) < index; next++) result.set(indexes[next] ?? 0, query);
    if (char === '(') {
      outer.push(query);
      query = { from: index + 1, to: body.length };
    } else {
      query.to = index;
      query = (char === ')' ? outer.pop() : undefined) ?? { from: index + 1, to: body.length };
      if (char === ')') query.to = body.length;
    }
  }
  for (; next < indexes.length; next++) result.set(indexes[next] ?? 0, query);
  return result;
}
