import { defineConfig } from 'rolldown';

// One file a door, and what they share in chunks, so that a run loads few files and only what it needs. Packages stay
// outside. The parts of the embedded server are doors too: its supervisor is a program of its own.
const doors = [
  'cli',
  'index',
  ...['account', 'attach', 'binaries', 'cluster', 'free-port', 'supervisor'].map(
    (room) => `embedded/${room}`,
  ),
];

export default defineConfig({
  input: Object.fromEntries(doors.map((door) => [door, `src/${door}.ts`])),
  platform: 'node',
  external: [/^(?!valibot|lilconfig)[^./]/],
  output: {
    dir: 'dist',
    format: 'esm',
    sourcemap: true,
    chunkFileNames: '[name].js',
    codeSplitting: {
      groups: [{ name: 'engine', test: /\/src\/(?!embedded|cli|index|commands\/parse)/ }],
    },
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  },
});
