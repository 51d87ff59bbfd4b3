import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SqlmigError } from '../errors.ts';
import { shellWord } from '../text/command-line.ts';
import { type ConfigContent, readJson, readYaml, withoutPlaces } from './config-text.ts';
import { decode } from './decode.ts';

/** The config file that was found. */
export interface ConfigFile extends ConfigContent {
  /** `null` if there is none. */
  readonly path: string | null;
  /** One sentence for each file that looks like a config but is not read. */
  readonly unread: readonly string[];
}

const modules = ['.ts', '.mts', '.js', '.mjs', '.cjs'];
const types = ['.ts', '.mts'];
const data = ['.json', '.jsonc', '.yaml', '.yml'];
/** Names of config files, in order of precedence. */
export const configNames = [...data.slice(0, 2), ...modules, ...data.slice(2)].map(
  (suffix) => `sqlmig.config${suffix}`,
);
const alike =
  /^(?:\.?sqlmig(?:[.-]?conf(?:ig)?)?\.(?:json5?|jsonc|[cm]?[jt]s|ya?ml|toml)|\.sqlmigrc(?:\.\w+)?|sqlmig\.config)$/i;
const formats =
  'sqlmig.config.json, .jsonc, .yaml, .ts, .mts, .js, .mjs or .cjs, or the key "sqlmig" in package.json';

/**
 * Reads a config file, or the nearest one in a folder or its parents.
 * @throws SqlmigError `config-invalid` that names the file.
 */
export async function findConfigFile(cwd: string, file: string | undefined): Promise<ConfigFile> {
  if (file !== undefined) {
    const path = resolve(cwd, file);
    return { path, unread: [], ...(await load(path)) };
  }
  const unread: string[] = [];
  for (let dir = cwd; ; dir = dirname(dir)) {
    const entries = namesIn(dir);
    const found = configNames.filter((name) => entries.includes(name));
    const others = entries.filter((name) => alike.test(name) && !found.includes(name));
    const [first, ...more] = found;
    const path = first === undefined ? null : join(dir, first);
    // A folder whose only config has an unsupported format must not be skipped.
    const [foreign] = others.filter((name) => /^sqlmig\.config\./.test(name));
    if (path === null && foreign !== undefined)
      return { path: join(dir, foreign), unread, ...(await load(join(dir, foreign))) };
    const inPackage = entries.includes('package.json') ? packageSettings(join(dir, 'package.json')) : null;
    if (path === null && inPackage === null)
      unread.push(...others.map((name) => unreadFile(join(dir, name))));
    else {
      const passed = [...more, ...others].map((name) => join(dir, name));
      const read = path ?? join(dir, 'package.json');
      const settings = path === null ? withoutPlaces(inPackage) : await load(path);
      const ofPackage =
        path !== null && inPackage !== null ? [`the key "sqlmig" in ${join(dir, 'package.json')}`] : [];
      return {
        path: read,
        unread: [...unread, ...[...passed, ...ofPackage].map((other) => unreadFile(other, read))],
        ...settings,
      };
    }
    if (dir === dirname(dir)) return { path: null, unread, ...withoutPlaces({}) };
  }
}

function unreadFile(path: string, read?: string): string {
  return `${path} looks like a config but is not read; ${read === undefined ? `a config file is ${formats}` : `${read} is`}`;
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    // A folder that cannot be listed counts as one without a config.
    return [];
  }
}

/** The key "sqlmig" of a package.json; `null` if it has none. Other tools report a package.json that does not parse. */
function packageSettings(path: string): unknown {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { readonly sqlmig?: unknown }).sqlmig ?? null;
  } catch {
    return null;
  }
}

async function load(path: string): Promise<ConfigContent> {
  const suffix = extname(path);
  const { typescript = false } = process.features as { readonly typescript?: string | false };
  if (types.includes(suffix) && typescript === false) {
    const message = `cannot read ${path}: Node ${process.versions.node} does not run TypeScript`;
    const hint = 'use Node 22.18 or newer, or write the config as sqlmig.config.js';
    throw new SqlmigError('config-invalid', message, { hint });
  }
  try {
    if (basename(path) === 'package.json') return withoutPlaces(packageSettings(path) ?? {});
    if (modules.includes(suffix)) return withoutPlaces(await loadModule(path));
    if (!data.includes(suffix))
      throw new Error(
        `sqlmig does not read ${suffix === '' ? 'files without an extension' : `${suffix} files`}`,
      );
    const decoded = decode(readFileSync(path));
    if ('badByteAt' in decoded) throw new Error('it is not UTF-8');
    const { text } = decoded;
    return suffix.startsWith('.j') ? readJson(path, text) : await readYaml(path, text);
  } catch (error) {
    throw error instanceof SqlmigError ? error : unreadable(path, error);
  }
}

async function loadModule(path: string): Promise<unknown> {
  const loaded = (await unlessIdle(import(pathToFileURL(path).href))) as { readonly default?: unknown };
  // A default export, compiled to CommonJS by TypeScript or Babel.
  const wrapped = loaded.default as { readonly __esModule?: boolean; readonly default?: unknown } | undefined;
  const settings = wrapped?.__esModule === true ? wrapped.default : loaded.default;
  if (settings === undefined) throw new Error('it has no default export');
  return settings;
}

/** Waits for a module, unless nothing is left that could settle its top-level await. */
async function unlessIdle<T>(loading: Promise<T>): Promise<T> {
  let onIdle = () => {};
  const idle = new Promise<never>((_, reject) => {
    onIdle = () => reject(new Error('its top-level await never settles'));
    process.once('beforeExit', onIdle);
  });
  return Promise.race([loading, idle]).finally(() => process.removeListener('beforeExit', onIdle));
}

function unreadable(path: string, error: unknown): SqlmigError {
  // The message of a syntax error quotes the text around it, which may be a password.
  const { code, message = 'it throws a value that is not an error' } = (error ?? {}) as NodeJS.ErrnoException;
  const safeMessage = error instanceof SyntaxError ? 'it cannot be parsed' : message;
  const why =
    code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'
      ? 'Node only strips types, and an enum, a namespace or a parameter property needs more'
      : safeMessage;
  const isModule = modules.includes(extname(path));
  return new SqlmigError('config-invalid', `cannot read ${path}: ${why}`, {
    hint: isModule ? `find the place with: node ${shellWord(path)}` : `a config file is ${formats}`,
  });
}
