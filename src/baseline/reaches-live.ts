import type { Scope } from '../results.ts';
import { fileIndex, sentText } from '../sql/filling.ts';
import { foldedName, identifierPattern } from '../sql/identifier.ts';
import { namesMadeBy } from '../sql/made-names.ts';
import type { Script } from '../sql/migration.ts';
import { type ParsedStatement, parseStatements } from '../sql/parse.ts';
import { indexOfLine, locate } from '../sql/position.ts';
import { mentionsOf } from '../sql/qualifiers.ts';
import { reachOf } from '../sql/reach.ts';
import type { LiveObjects } from './live-objects.ts';

/** What in a file could use an object of the database that the files do not build. */
export interface LiveUse {
  readonly file: string;
  readonly line: number;
  /** In words. */
  readonly what: string;
}

/**
 * Finds the first place in files, in their order, that could reach beyond the schemas that they build: by a schema's
 * name, or by a name that none of them has created by then and that an existing object has. `null` if there is none.
 */
export async function liveUseOf(scripts: readonly Script[], live: LiveObjects): Promise<LiveUse | null> {
  const made = new Set<string>();
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
      const what = useOf(statement, text.slice(statement.start, statement.end), { live, made });
      if (what !== null) return use(statement.start, what);
    }
  }
  return null;
}

const word = new RegExp(identifierPattern, 'gu');

/** A schema of the database that a text names, other than for an object of an extension. */
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
}

function useOf(statement: ParsedStatement, text: string, { live, made }: Known): string | null {
  const { kind } = statement;
  const reach = reachOf(statement);
  const schema = namesSchemas.has(kind) ? [...reach.words].find((name) => live.schemas.has(name)) : undefined;
  if (schema !== undefined) return `names schema ${schema}`;
  if (!kind.startsWith('CreateFunction') && /\bsearch_path\b/i.test(text)) return 'sets search_path';
  if (ofAnOwner.has(kind)) return 'changes all objects of a role';
  for (const name of namesMadeBy(text)) made.add(name);
  // What these do to a sequence is not rolled back.
  const anyWord = kind === 'DoStmt' || (/\b(?:nextval|setval)\b/i.test(text) && kind !== 'CreateStmt');
  const used = anyWord ? reach.words : changesByName.has(kind) ? reach.names : relationsIn(statement.fields);
  const found = [...used].find((name) => live.names.has(name) && !made.has(name) && !isOfMade(name, made));
  if (found !== undefined) return `uses ${found} before the files create it`;
  if (kind === 'DropStmt') for (const name of reach.names) made.delete(name);
  return null;
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

/** The unqualified relations anywhere in a statement. */
function relationsIn(node: unknown, found = new Set<string>()): Set<string> {
  if (Array.isArray(node)) for (const item of node) relationsIn(item, found);
  else if (typeof node === 'object' && node !== null) {
    const { relname } = node as { readonly relname?: unknown };
    if (typeof relname === 'string') found.add(relname);
    for (const value of Object.values(node)) relationsIn(value, found);
  }
  return found;
}
