// Runs commands as whole processes, in turn, and keeps what they took.
import { spawn } from 'node:child_process';

/** Milliseconds that a command takes from start to exit; it must exit with `expected`. */
export function timed([program, args, cwd], expected = 0) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    let said = '';
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === expected) resolve(performance.now() - started);
      else reject(new Error(`${program} ${args[0]} ended with ${code}: ${said.slice(-2000)}`));
    });
  });
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Rounds in which every contestant has its turn, each time another one first. `turn(contestant, round)` gives ms. */
export async function interleaved(contestants, rounds, turn) {
  const results = new Map(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contestants.length; i++) {
      const contestant = contestants[(i + round) % contestants.length];
      const ms = await turn(contestant, round);
      if (ms !== null) results.get(contestant.name).push(ms);
    }
  }
  return results;
}

/** Rows of a table: median, and its ratio to that of `base`. */
export function rows(results, base) {
  const of = median(results.get(base) ?? [Number.NaN]);
  return [...results].map(([name, values]) => {
    const ms = median(values);
    return {
      name,
      ms,
      least: Math.min(...values),
      most: Math.max(...values),
      ratio: ms / of,
      rounds: values.length,
    };
  });
}
