// Runs commands as whole processes, in turn, and keeps what they took.
import { spawn } from 'node:child_process';
import { clientCpu, serverCpu, watchMemory } from './processes.mjs';
import { environment } from './psql.mjs';

/**
 * What a command takes from start to exit, in milliseconds: the time, its CPU (`client`) and that of the server. It must exit
 * with `expected`. `memory` adds the peaks of both, in MB.
 */
export function timed([program, args, cwd], { server, expected = 0, memory = false }) {
  return new Promise((resolve, reject) => {
    const before = { client: clientCpu(), server: serverCpu(server.pid) };
    const started = performance.now();
    let said = '';
    const child = spawn(program, args, { cwd, env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
    const watch = memory ? watchMemory(child.pid, server.pid) : null;
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      const ms = performance.now() - started;
      const peaks = watch?.stop();
      const cpu = { client: clientCpu() - before.client, server: serverCpu(server.pid) - before.server };
      if (code === expected) resolve({ ms, ...cpu, ...peaks });
      else reject(new Error(`${program} ${args[0]} ended with ${code}: ${said.slice(-2000)}`));
    });
  });
}

/** Rounds in which every contestant has its turn, each time another one first; the turns by contestant. */
export async function interleaved(contestants, rounds, turn) {
  const results = new Map(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contestants.length; i++) {
      const contestant = contestants[(i + round) % contestants.length];
      results.get(contestant.name).push(await turn(contestant, round));
    }
  }
  return results;
}

/** A turn in which a part of the tenants stood for all. */
export const times = (factor, turn) =>
  Object.fromEntries(Object.entries(turn).map(([name, value]) => [name, value * factor]));
