// Small programs in C, for what Node's timers are too coarse for: they round up to whole milliseconds.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

function compile(name, dir, flags = []) {
  const source = fileURLToPath(new URL(`native/${name}.c`, import.meta.url));
  const output = join(dir, name);
  execFileSync('cc', ['-O2', ...flags, '-o', output, source]);
  chmodSync(output, 0o755);
  return output;
}

/** Compiles the library to preload into a server whose flushes take as long as its variable FLUSH_US says. */
export const flushLibrary = (dir) => compile('flush', dir, ['-shared', '-fPIC']);

/** Starts a proxy in front of a local port that makes a round trip `roundTripMs` longer. */
export async function startLatencyProxy(port, roundTripMs, dir) {
  const program = compile('latency', dir);
  const child = spawn(program, [String(port), String(Math.round(roundTripMs * 500))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [listening] = await once(child.stdout, 'data');
  return { port: Number(listening), stop: () => child.kill() };
}
