// Combines the Node that runs this and the bundled command line into one file, dist/executable/sqlmig. It runs on the
// same operating system and processor architecture, with the same C library (glibc or musl) as this Node.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

if (process.platform !== 'linux') throw new Error('an executable can be made only on Linux');

const folder = new URL('../../dist/executable/', import.meta.url);
const inFolder = (name) => fileURLToPath(new URL(name, folder));
const parts = { settings: inFolder('sea.json'), blob: inFolder('sea.blob'), script: inFolder('sqlmig.cjs') };

writeFileSync(
  parts.settings,
  JSON.stringify({
    main: parts.script,
    output: parts.blob,
    disableExperimentalSEAWarning: true,
    // Compiling takes up to a third of the startup time.
    useCodeCache: true,
    assets: {
      'libpg-query.wasm': createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm'),
    },
  }),
);
execFileSync(process.execPath, ['--experimental-sea-config', parts.settings], { stdio: 'pipe' });

const executable = inFolder('sqlmig');
const unfinished = `${executable}.new`;
copyFileSync(process.execPath, unfinished);
chmodSync(unfinished, 0o755);
stripped(unfinished);
const postject = createRequire(import.meta.url).resolve('postject/dist/cli.js');
// Documented in "Single executable applications" of Node.
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
execFileSync(
  process.execPath,
  [postject, unfinished, 'NODE_SEA_BLOB', parts.blob, '--sentinel-fuse', fuse],
  // It prints warnings about sections that are correct.
  { stdio: 'pipe' },
);
renameSync(unfinished, executable);
for (const part of Object.values(parts)) rmSync(part);
console.log(
  `dist/executable/sqlmig: ${Math.round(statSync(executable).size / 1e6)} MB, Node ${process.versions.node}`,
);

/** Removes the symbols (18 MB), which only a debugger of native code reads. */
function stripped(file) {
  try {
    execFileSync('strip', [file], { stdio: 'pipe' });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    console.log('there is no strip (package binutils), so the executable is 18 MB larger');
  }
}
