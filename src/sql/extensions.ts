import { commandLine } from '../text/command-line.ts';
import type { ExtensionStatement, Lint, Script } from './migration.ts';
import { quoteIdentifier } from './quote.ts';
import { blankOut, withSemicolon } from './ranges.ts';
import { reachOf } from './reach.ts';

/** An extension as a database has it, or is about to have it. */
export interface ExtensionState {
  /** The schema that it is in; `null` if it is not installed. */
  readonly schema: string | null;
  /** The only schema that it can be in; `null` if it can be in any. */
  readonly fixedSchema: string | null;
  /** Whether it can be moved with SET SCHEMA. */
  readonly relocatable: boolean;
  /** Whether the server has its files. */
  readonly available: boolean;
  /** Whether the config lists it, so that `up` creates it. */
  readonly listed: boolean;
}

/** The schemas in which tenant files find an extension. */
interface ExtensionPath {
  /** The shared schemas on the `search_path` of tenants. */
  readonly schemas: readonly string[];
  readonly publicSchema: string;
}

/** Why a `CREATE EXTENSION` of a tenant file cannot be skipped. */
export interface MissingExtension {
  readonly script: Script;
  /** UTF-16 index into the file. */
  readonly index: number;
  readonly message: string;
  readonly hint: string;
}

/**
 * Removes `CREATE EXTENSION` from a tenant script, and returns the extensions that tenants lack. A database has each
 * extension only once, so a tenant cannot have its own. Positions and the number of statements stay the same; a lint
 * reports what was skipped or is missing.
 */
export function withoutExtensions(
  script: Script,
  known: ReadonlyMap<string, ExtensionState>,
  path: ExtensionPath,
): { readonly script: Script; readonly missing: readonly MissingExtension[] } {
  const created = script.extensions.filter(({ kind }) => kind === 'create');
  const states = created.map((statement) => ({
    statement,
    state: known.get(statement.name) ?? none,
  }));
  const skipped = states.filter(({ statement, state }) => isReached(statement, state, path));
  const missing = states
    .filter((each) => !skipped.includes(each))
    .map(({ statement, state }) => ({
      script,
      index: statement.start,
      ...whyMissing(statement.name, state, path),
    }));
  const starts = new Set(created.map(({ start }) => start));
  const lints = [
    ...script.lints.filter(({ rule, index }) => rule !== 'shared-object' || !starts.has(index)),
    ...skipLint(skipped),
    ...missing.map(({ index, message }) => ({ rule: 'extension-missing' as const, index, message })),
  ].sort((a, b) => a.index - b.index);
  const ranges = created.map((statement) => withSemicolon(script.text, statement));
  const statements = script.statements.map((statement) =>
    starts.has(statement.start) ? { ...statement, kind: '', reach: nothing } : statement,
  );
  const kept = { ...script, text: blankOut(script.text, ranges), statements, lints, extensions: [] };
  return { script: kept, missing };
}

const none: ExtensionState = {
  schema: null,
  fixedSchema: null,
  relocatable: false,
  available: false,
  listed: false,
};
const nothing = reachOf({ kind: '', fields: {} });

function isReached(
  { schema: asked }: ExtensionStatement,
  { schema, fixedSchema }: ExtensionState,
  { schemas }: ExtensionPath,
): boolean {
  return schema !== null && [...schemas, 'pg_catalog', asked, fixedSchema].includes(schema);
}

function skipLint(
  skipped: readonly { readonly statement: ExtensionStatement; readonly state: ExtensionState }[],
): Lint[] {
  const [first] = skipped;
  if (first === undefined) return [];
  const names = skipped.map(({ statement: { name, schema: asked }, state: { schema } }) => {
    const mismatch = asked === null || asked === schema ? '' : `, not in ${asked}`;
    return `${name} is in ${schema}${mismatch}`;
  });
  const message = `CREATE EXTENSION is skipped, since a database has an extension only once: ${names.join('; ')}`;
  return [{ rule: 'extension-skipped', index: first.statement.start, message }];
}

function whyMissing(
  name: string,
  { schema, available, relocatable, listed }: ExtensionState,
  path: ExtensionPath,
): { message: string; hint: string } {
  const home = homeOnPath(path);
  const extend = (what: string) => `add ${what} to "searchPath" in the config`;
  if (schema !== null) {
    const moves = relocatable && home !== null;
    const move = `, or move it in a public file: alter extension ${quoteIdentifier(name)} set schema ${quoteIdentifier(home ?? '')};`;
    return {
      message: `extension ${name} is in schema ${schema}, which is not on the tenants' search_path`,
      hint: `${extend(`"${schema}"`)}${moves ? move : ''}`,
    };
  }
  if (!available) {
    return {
      message: `extension ${name} is not installed on the server`,
      hint: `install its package on the server, then add it to "extensions" in the config, or create it in a public file`,
    };
  }
  const message = `extension ${name} does not exist, and a tenant file cannot create it for all tenants`;
  if (home === null) return { message, hint: extend('"public"') };
  if (listed) return { message, hint: 'run: sqlmig up --public; "extensions" in the config lists it' };
  const where = home === path.publicSchema ? '' : ` schema ${quoteIdentifier(home)}`;
  const hint = `add "extensions": [${JSON.stringify(name)}] to the config, or make a public file (${commandLine('new', fileNameOf(name), '--public')}) with: create extension ${quoteIdentifier(name)}${where};`;
  return { message, hint };
}

/** The schema on the path for a new extension; `null` if tenants have only their own schema on it. */
function homeOnPath({ schemas, publicSchema }: ExtensionPath): string | null {
  return schemas.includes(publicSchema) ? publicSchema : (schemas[0] ?? null);
}

function fileNameOf(name: string): string {
  return name.replace(/[^\w]+/g, '_');
}
