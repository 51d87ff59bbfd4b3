import { everydayNames, historyTableNames } from '../history/foreign-history.ts';
import { checksumOf } from '../project/decode.ts';
import type { Scope } from '../results.ts';
import { withoutComments } from '../sql/comments.ts';
import { foldedName, isIdentifier } from '../sql/identifier.ts';
import { lintsOf } from '../sql/lint.ts';
import type { Lint } from '../sql/migration.ts';
import { tokensOf } from '../sql/parse.ts';
import { locate } from '../sql/position.ts';
import { toScript } from '../sql/script.ts';
import { literalPattern } from '../text/literal-pattern.ts';
import { changesetDecisions } from './changeset-decisions.ts';
import type { CreatedObjects, ParsedText } from './created-objects.ts';
import type { DecisionAt } from './decision-at.ts';
import type { KeptObjects, PlacementProblem } from './kept.ts';
import { qualifiedNames } from './qualified-names.ts';
import { subjectsOf } from './subjects.ts';

/** A place in a converted file that needs a manual decision. */
export interface Decision {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly what: string;
  /** What to do about it. */
  readonly cure: string;
}

/** A statement that `--keep` cannot place; `index` is a UTF-16 index. */
export interface PlacedProblem {
  readonly index: number;
  readonly problem: PlacementProblem;
}

/** A converted file to examine. */
export interface Examined {
  readonly file: string;
  readonly scope: Scope;
  readonly version: string | null;
  readonly name: string;
  /** `null` if it does not parse. */
  readonly parsed: ParsedText | null;
  readonly text: string;
  readonly problems: readonly PlacedProblem[];
  /** Whether it is a down file, which no run reads. */
  readonly undoes: boolean;
}

/** The rules for finding decisions. */
export interface DecisionRules {
  readonly schema: string;
  readonly created: CreatedObjects;
  readonly kept: KeptObjects;
}

/** The places in a converted file that need a manual decision, in order. */
export async function decisionsIn(file: Examined, rules: DecisionRules): Promise<Decision[]> {
  const { parsed, text, scope, problems } = file;
  const found: DecisionAt[] = [
    ...problems.map(({ index, problem }): DecisionAt => [index, ...aboutKept[problem]]),
    ...historyMentions(text, rules.created),
    ...changesetDecisions(text),
    ...(parsed === null || scope === 'public' ? [] : await tenantDecisions(file, parsed, rules)),
  ];
  const places = found
    .sort(([a], [b]) => a - b)
    .map(([index, what, cure]): Decision => ({ ...placeOf(file, index), what, cure }));
  return [...(await refusals(file, rules.schema)), ...places];
}

const aboutKept: Readonly<Record<PlacementProblem, readonly [what: string, cure: string]>> = {
  mixed: [
    'this statement changes kept tables and others',
    'divide it: move the changes to kept tables to the public file of this version',
  ],
  gone: [
    'this uses a kept object that a later file renames or drops, and public files run before tenant files',
    'use its final name, or remove the statement',
  ],
};

function placeOf({ file, text }: Examined, index: number): Pick<Decision, 'file' | 'line' | 'column'> {
  const { line, column } = locate(file, text, index);
  return { file, line, column };
}

/** The problems for which sqlmig would refuse the file before it runs anything. */
async function refusals(examined: Examined, schema: string): Promise<Decision[]> {
  const { file, scope, version, name, text, undoes } = examined;
  const migration = { scope, version, name, checksum: checksumOf(text), file, text };
  const script = await toScript({ ...migration, ...(undoes && { undoes }) }, schema);
  if ('migration' in script) return [];
  return script.map(({ details: { message, line = 1, column = 1, hint = '' } }) => ({
    file,
    line,
    column,
    what: message,
    cure: hint,
  }));
}

async function tenantDecisions(
  { file, scope, version, name, text }: Examined,
  parsed: ParsedText,
  rules: DecisionRules,
) {
  const { schema, created, kept } = rules;
  const isTenants = (table: string) => created.has(table, 'any') && !kept.has(table);
  const migration = { scope, version, name, checksum: '', file, text };
  const lints = lintsOf(migration, parsed.statements, { publicSchema: schema, isTenants });
  return [
    ...lints.map((lint): DecisionAt => [lint.index, ...decisionFor(lint, parsed)]),
    ...(await notCreated(parsed, rules)),
    ...(await schemaStatements(parsed, schema)),
    ...otherSchemas(parsed, schema),
    ...schemaGuards(text, schema),
    ...pathSettings(parsed),
  ];
}

const bodies: Readonly<Record<string, string>> = {
  DoStmt: 'a DO block',
  CreateFunctionStmt: 'the body of a function',
};

function decisionFor(
  { rule, message, index }: Lint,
  { text, statements }: ParsedText,
): readonly [what: string, cure: string] {
  if (rule === 'hard-coded-schema') {
    const { kind = '' } = statements.find(({ start, end }) => start <= index && index < end) ?? {};
    const name = /^[^.]+\.\s*("(?:[^"]|"")+"|[\p{L}\p{N}_$]+)/u.exec(text.slice(index))?.[0] ?? '';
    return [
      `${name} appears in ${bodies[kind] ?? 'a string'}`,
      'remove the schema, so that each tenant uses its own',
    ];
  }
  const [what = message, cure = 'check it'] = message.split('; ');
  if (/^CREATE EXTENSION/i.test(what)) {
    return [what, 'list it under "extensions" in the config; the statement is then skipped'];
  }
  return [what, cure];
}

async function notCreated(
  parsed: ParsedText,
  { schema, created, kept }: DecisionRules,
): Promise<DecisionAt[]> {
  const places = await qualifiedNames(parsed, schema);
  return places
    .filter(
      ({ name, kind }) =>
        (kind === 'relation' || kind === 'any') &&
        /[\p{L}\p{N}_]/u.test(name) &&
        !created.has(name, kind) &&
        !kept.has(name),
    )
    .map(({ name, index }) => [
      index,
      `these files do not create ${schema}.${name}, so it still refers to ${schema}`,
      'remove the schema if each tenant has its own',
    ]);
}

// In these, the name after SCHEMA is that of a schema they change.
const changesSchema: ReadonlySet<string> = new Set([
  'CommentStmt',
  'GrantStmt',
  'AlterOwnerStmt',
  'AlterDefaultPrivilegesStmt',
  'AlterObjectSchemaStmt',
  'SecLabelStmt',
]);

async function schemaStatements({ text, statements }: ParsedText, own: string): Promise<DecisionAt[]> {
  const kindAt = (index: number) =>
    statements.find(({ start, end }) => start <= index && index < end)?.kind ?? '';
  const tokens = await tokensOf(text);
  return tokens.flatMap((token, i): DecisionAt[] => {
    if (tokens[i - 1]?.text.toLowerCase() !== 'schema' || tokens[i + 1]?.text === '.') return [];
    const [name, kind] = [foldedName(token.text), kindAt(token.index)];
    const concerns = name === own ? kind !== 'CreateSchemaStmt' : changesSchema.has(kind);
    if (!isIdentifier(token.text) || !concerns) return [];
    const what =
      kind === 'AlterObjectSchemaStmt'
        ? `this moves an object to the schema ${name}`
        : `this concerns the schema ${name} itself`;
    return [[token.index, what, 'move it to a public file, or remove it']];
  });
}

// What a tenant file may do in any schema.
const allowed: ReadonlySet<string> = new Set([
  'InsertStmt',
  'CopyStmt',
  'LockStmt',
  'GrantStmt',
  'VacuumStmt',
]);

/** The first statement of a file that changes something in each schema that is not the tenant's. */
function otherSchemas({ statements }: ParsedText, own: string): DecisionAt[] {
  const first = new Map<string, number>();
  for (const statement of statements) {
    if (allowed.has(statement.kind)) continue;
    for (const { schema } of subjectsOf(statement)) {
      const isOther = schema !== null && schema !== own && !schema.startsWith('pg_');
      if (isOther && !first.has(schema)) first.set(schema, statement.start);
    }
  }
  return [...first].map(([schema, index]) => [
    index,
    `this changes the schema ${schema}, and a tenant file may change only its tenant`,
    'remove the schema, so that each tenant has its own, or move the statement to a public file',
  ]);
}

function schemaGuards(text: string, schema: string): DecisionAt[] {
  const literal = `'${literalPattern(schema).replaceAll("'", "''")}'`;
  const guard = new RegExp(
    `\\b(?:\\w*schema\\w*|nspname)"?\\s*(?:=|<>|!=|(?:not\\s+)?in\\s*\\([^()]*?|like)\\s*${literal}|${literal}\\s*(?:=\\s*"?\\w*schema|::\\s*regnamespace)|\\b(?:to_regnamespace|has_schema_privilege)\\s*\\([^()]*${literal}`,
    'gi',
  );
  return [...withoutComments(text).text.matchAll(guard)].map(({ 0: words, index }) => [
    index + words.toLowerCase().indexOf(literal.toLowerCase()),
    `this searches only the schema ${schema}`,
    'compare with current_schema()',
  ]);
}

const setsPath = /\bset\s+(?:local\s+|session\s+)?search_path\b|\bset_config\s*\(\s*'search_path'/gi;

function pathSettings({ text, statements }: ParsedText): DecisionAt[] {
  const code = withoutComments(text).text;
  return statements.flatMap(({ kind, start, end }) =>
    [...code.slice(start, end).matchAll(setsPath)]
      // The head of a dump, which sqlmig leaves out.
      .filter(
        () => !/^SELECT pg_catalog\.set_config\('search_path', '', false\)$/.test(code.slice(start, end)),
      )
      .map(
        ({ index }): DecisionAt => [
          start + index,
          'this sets search_path, which selects the tenant',
          kind === 'CreateFunctionStmt' ? 'write SET search_path FROM CURRENT' : 'remove it',
        ],
      ),
  );
}

const ownNames = historyTableNames.filter((name) => !everydayNames.includes(name));
const tableBefore = String.raw`\b(?:table(?:\s+if\s+(?:not\s+)?exists)?|only|from|into|update|join|on)\s+(?:[\w"]+\.)?"?`;
const oldTable = new RegExp(
  `(?<![\\w$])(?:${ownNames.join('|')})(?![\\w$])|(?<=${tableBefore})(?:${everydayNames.join('|')})(?![\\w$])`,
  'gi',
);

function historyMentions(text: string, created: CreatedObjects): DecisionAt[] {
  const mentions = [...withoutComments(text).text.matchAll(oldTable)];
  // The files of a tool do not create its history, but may create a table of an everyday name.
  const isOld = (name: string) =>
    !everydayNames.includes(name.toLowerCase()) || !created.has(name, 'relation');
  return mentions
    .filter(({ 0: table }) => isOld(table))
    .map(({ 0: table, index }) => [
      index,
      `${table} is the history of another tool`,
      'remove the statements about it: each schema gets a new history',
    ]);
}
