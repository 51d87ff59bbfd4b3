import type { Scope } from '../results.ts';
import { fileIndex, sentText } from '../sql/filling.ts';
import { foldedName, identifierPattern } from '../sql/identifier.ts';
import { namesMadeBy } from '../sql/made-names.ts';
import type { Reach, Script } from '../sql/migration.ts';
import { type ParsedStatement, parseStatements } from '../sql/parse.ts';
import { indexOfLine, locate } from '../sql/position.ts';
import { mentionsOf } from '../sql/qualifiers.ts';
import { reachOf } from '../sql/reach.ts';
import { sequencesCalled } from '../sql/sequence-calls.ts';
import type { LiveObjects } from './live-objects.ts';

/** A place in a file that could use an existing object, which the files do not build. */
export interface LiveUse {
  readonly file: string;
  readonly line: number;
  /** In words. */
  readonly what: string;
}

/**
 * Finds the first place in the files, in their order, that could reach beyond the schemas that they build: by the name
 * of a schema, or by the name of an existing object that no file has created up to there. `null` if there is none.
 */
export async function liveUseOf(scripts: readonly Script[], live: LiveObjects): Promise<LiveUse | null> {
  const made = new Set<string>();
  const computing = new Map<string, string>();
  for (const script of scripts) {
    const { file } = script.migration;
    const text = sentText(script);
    const use = (index: number, what: string): LiveUse => {
      const { line } = locate(file, script.text, fileIndex(script, index));
      return { file, line, what };
    };
    const qualified = await schemaMention(text, script.migration.scope, live);
    if (qualified !== null) return use(indexOfLine(text, qualified.line), qualified.what);
    const parsed = await parseStatements(text);
    for (const statement of 'statements' in parsed ? parsed.statements : []) {
      const what = useOf(statement, text.slice(statement.start, statement.end), { live, made, computing });
      if (what !== null) return use(statement.start, what);
    }
  }
  return null;
}

const word = new RegExp(identifierPattern, 'gu');

/** The first place where a text names a schema of the database, other than for an object of an extension. */
async function schemaMention(
  text: string,
  scope: Scope,
  live: LiveObjects,
): Promise<Omit<LiveUse, 'file'> | null> {
  const words = new Set([...text.matchAll(word)].map(([name]) => foldedName(name)));
  for (const schema of live.schemas) {
    if (!words.has(schema)) continue;
    const members = live.members.get(schema);
    // In the definition of an object of public, a name in public is bare, unless it is in a string.
    const found = (await mentionsOf(text, schema)).find(
      ({ name, in: where }) =>
        name === null || members?.has(name) !== true || (where === 'text' && scope === 'public'),
    );
    if (found !== undefined) return { line: found.line, what: `names schema ${schema}` };
  }
  return null;
}

interface Known {
  readonly live: LiveObjects;
  readonly made: Set<string>;
  /** Functions that must not be called, and what they do. */
  readonly computing: Map<string, string>;
}

function useOf(statement: ParsedStatement, text: string, { live, made, computing }: Known): string | null {
  const { kind } = statement;
  const reach = reachOf(statement);
  const schema = namesSchemas.has(kind) ? [...reach.words].find((name) => live.schemas.has(name)) : undefined;
  if (schema !== undefined) return `names schema ${schema}`;
  const isFunction = kind.startsWith('CreateFunction');
  if (!isFunction && /\bsearch_path\b/i.test(text)) return 'sets search_path';
  if (ofAnOwner.has(kind)) return 'changes all objects of a role';
  for (const name of namesMadeBy(text)) made.add(name);
  const sequences = sequencesCalled(text);
  const named = namedIn(statement.fields);
  const isCode = isFunction || kind === 'DoStmt';
  const called = [...(isCode ? reach.words : named)].find((name) => computing.has(name));
  const computed = computes(text, sequences, isCode) ?? (isFunction ? setsPath(text, reach, live) : null);
  const reason = called === undefined ? computed : (computing.get(called) ?? null);
  if (reason !== null && !isFunction)
    return called === undefined ? reason : `calls ${called}, which ${reason}`;
  if (reason !== null) for (const name of namesMadeBy(text)) computing.set(name, reason);
  const anyWord = kind === 'DoStmt' || (sequences.length > 0 && kind !== 'CreateStmt');
  const used = anyWord ? reach.words : changesByName.has(kind) ? reach.names : named;
  const found = [...used, ...sequences].find(
    (name) => name !== null && live.names.has(name) && !made.has(name) && !isOfMade(name, made),
  );
  if (found !== undefined) return `uses ${found} before the files create it`;
  if (kind === 'DropStmt') for (const name of reach.names) made.delete(name);
  return null;
}

/** What a text does that could reach any schema, in words; `null` if nothing does. */
function computes(text: string, sequences: readonly (string | null)[], isCode: boolean): string | null {
  if (sequences.includes(null)) return 'computes the name of a sequence that it changes';
  if (/\bdblink(?:_\w+)?"?\s*\(/i.test(text)) return 'calls dblink';
  return isCode && computedExecute.test(text) ? 'runs SQL that it computes' : null;
}

const constant = String.raw`(?:('+)(?:[^']|''(?!'))*\1|\$(\w*)\$[\s\S]*?\$\2\$)`;
// CREATE TRIGGER and GRANT contain the word, too.
const computedExecute = new RegExp(
  String.raw`\bexecute\b(?!\s+(?:function|procedure|on)\b)(?!\s*${constant}\s*(?:;|into\b|using\b))`,
  'i',
);

function setsPath(text: string, { words }: Reach, live: LiveObjects): string | null {
  if (!/\bsearch_path\b/i.test(text)) return null;
  const isOther = /\bset_config\b/i.test(text) || [...words].some((name) => live.schemas.has(name));
  return isOther ? 'sets search_path' : null;
}

const namesSchemas: ReadonlySet<string> = new Set([
  ...['AlterObjectSchemaStmt', 'AlterOwnerStmt', 'CreateSchemaStmt', 'DropStmt', 'DoStmt', 'RenameStmt'],
  ...['SecLabelStmt', 'ImportForeignSchemaStmt', 'VariableSetStmt', 'AlterExtensionContentsStmt'],
]);
const ofAnOwner: ReadonlySet<string> = new Set(['DropOwnedStmt', 'ReassignOwnedStmt']);
const changesByName: ReadonlySet<string> = new Set([
  ...['DropStmt', 'AlterEnumStmt', 'AlterFunctionStmt', 'AlterOwnerStmt', 'AlterObjectSchemaStmt'],
  ...['AlterDomainStmt', 'AlterTypeStmt', 'AlterOperatorStmt', 'AlterObjectDependsStmt'],
]);

/** The sequence of a serial column has the name of its table. */
function isOfMade(name: string, made: ReadonlySet<string>): boolean {
  if (!name.endsWith('_seq')) return false;
  return [...made].some((table) => name.startsWith(`${table}_`));
}

/** The relations, types and called functions anywhere in a statement, without their schemas. */
function namedIn(node: unknown, found = new Set<string>()): Set<string> {
  if (Array.isArray(node)) for (const item of node) namedIn(item, found);
  else if (typeof node === 'object' && node !== null) {
    const { relname } = node as { readonly relname?: unknown };
    if (typeof relname === 'string') found.add(relname);
    for (const [field, value] of Object.entries(node)) {
      if (namesOfFunctionsAndTypes.has(field)) found.add(lastOf(value));
      namedIn(value, found);
    }
  }
  return found;
}

const namesOfFunctionsAndTypes: ReadonlySet<string> = new Set(['funcname', 'names', 'objname']);

/** The last part of a name, which the parser represents as a list. */
function lastOf(parts: unknown): string {
  const last = (Array.isArray(parts) ? parts : []).at(-1) as { readonly String?: { readonly sval?: string } };
  return last?.String?.sval ?? '';
}
