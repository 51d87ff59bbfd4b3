import type { Lint, Migration } from '../model.ts';
import type { ParsedStatement } from './parse.ts';

/**
 * What real projects stumble over in tenant files, with its place: names that reach out of the tenant, objects that
 * the whole database shares, and guards that look at all tenants at once. Nothing here is wrong for certain.
 */
export function lintsOf(
  { text, scope }: Migration,
  statements: readonly ParsedStatement[],
  publicSchema: string,
): Lint[] {
  if (scope === 'public') return [];
  const code = withoutComments(text);
  return [
    ...hardCodedSchema(code, publicSchema),
    ...statements.flatMap((statement) => sharedObject(statement, code)),
    ...statements.filter(({ kind }) => looksAround.has(kind)).flatMap((at) => unfilteredCatalogue(at, code)),
  ].sort((a, b) => a.index - b.index);
}

function withoutComments(text: string): string {
  return text.replace(/--[^\r\n]*|\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\r\n]/g, ' '));
}

function hardCodedSchema(code: string, schema: string): Lint[] {
  const name = schema.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const qualified = new RegExp(`(?<![\\w."$])(?:${name}|"${name}")\\s*\\.(?=\\s*["\\p{L}_])`, 'giu');
  return [...code.matchAll(qualified)].map(({ index }) => ({
    rule: 'hard-coded-schema',
    index,
    message: `${schema}. is written out; leave it away where search_path finds the name`,
  }));
}

const sharedKinds: Readonly<Record<string, string>> = {
  CreateExtensionStmt: 'CREATE EXTENSION',
  CreateSchemaStmt: 'CREATE SCHEMA',
  CreateRoleStmt: 'CREATE ROLE',
};
const sharedInBlock = /\bcreate\s+(extension|schema|role|user)\b/gi;

function sharedObject({ kind, start, end }: ParsedStatement, code: string): Lint[] {
  const lint = (index: number, what: string): Lint => ({
    rule: 'shared-object',
    index,
    message: `${what} in a tenant file makes what the whole database shares; it belongs into a public file`,
  });
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
const catalogue =
  /\bpg_(?:constraint|class|type|proc|trigger|indexes|tables|views|matviews|sequences|policies)\b|\binformation_schema\s*\.\s*(?!schemata\b)\w+/gi;
// Any of these ties the look-up to a schema; a name cast to regclass or regtype is found by search_path.
const filter = /\b\w*(?:namespace|nspname|schema|schemas|schemaname)\b|::\s*reg\w+|\bto_reg\w+/i;

function unfilteredCatalogue({ start, end }: ParsedStatement, code: string): Lint[] {
  const body = code.slice(start, end);
  return [...body.matchAll(catalogue)]
    .filter(({ index }) => !filter.test(queryAround(body, index).replace(/\binformation_schema\b/gi, '')))
    .map(({ 0: name, index }) => ({
      rule: 'unfiltered-catalogue',
      index: start + index,
      message: `${name} is looked up without a schema and sees all tenants; compare with current_schema(), or cast the name to regclass`,
    }));
}

/** The innermost brackets around an index, else the statement it is in. */
function queryAround(body: string, index: number): string {
  let from = index;
  for (let depth = 0; from > 0; from--) {
    const char = body[from - 1];
    if (char === ')') depth += 1;
    else if (char === '(' && depth-- === 0) break;
    else if (char === ';' && depth === 0) break;
  }
  let to = index;
  for (let depth = 0; to < body.length; to++) {
    const char = body[to];
    if (char === '(') depth += 1;
    else if (char === ')' && depth-- === 0) break;
    else if (char === ';' && depth === 0) break;
  }
  return body.slice(from, to);
}
