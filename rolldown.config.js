import { readFileSync } from 'node:fs';
import { defineConfig } from 'rolldown';

// One file a door, and what they share in chunks, so that a run loads few files and only what it needs. Packages stay
// outside. The supervisor of the embedded server is a program of its own, which "attach" starts from beside it.
const doors = ['index', 'embedded/attach', 'embedded/supervisor'];

// These are small and of much use in one file: bundled, with their licences beside them.
const bundled = ['lilconfig', 'postgres', 'valibot'];

function licences() {
  const parts = bundled.map((name) => {
    const path = new URL(`node_modules/${name}/`, import.meta.url);
    const { version, license } = JSON.parse(readFileSync(new URL('package.json', path), 'utf8'));
    const texts = ['LICENSE', 'LICENSE.md'].flatMap((file) => {
      try {
        return readFileSync(new URL(file, path), 'utf8');
      } catch {
        return [];
      }
    });
    // postgres brings no text of its licence, which asks for none.
    return `${name} ${version}\n\n${texts[0] ?? license}`;
  });
  return {
    name: 'licences',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY.txt', source: parts.join('\n\n') });
    },
  };
}

export default defineConfig({
  input: { cli: 'src/cli/main.ts', ...Object.fromEntries(doors.map((door) => [door, `src/${door}.ts`])) },
  platform: 'node',
  external: [new RegExp(`^(?!${bundled.join('|')})[^./]`)],
  plugins: [licences()],
  output: {
    dir: 'dist',
    format: 'esm',
    sourcemap: true,
    chunkFileNames: '[name].js',
    codeSplitting: {
      groups: [{ name: 'engine', test: /\/src\/(?!embedded|cli\/main|index|cli\/parse)/ }],
    },
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  },
});
