// One tenant with nothing to do, beside bare Node, on each version of Node.
import { execFileSync } from 'node:child_process';
import { bareNode, up } from '../contestants.mjs';
import { interleaved, timed } from '../measure.mjs';
import { createDatabase, createProject, dropDatabase } from '../project.mjs';

const majors = [20, 22, 24];
// A start is short: more rounds cost little.
const fewestRounds = 15;

const nodeOf = (major) =>
  execFileSync('npx', ['-y', '-p', `node@${major}`, 'node', '-p', 'process.execPath'], {
    encoding: 'utf8',
  }).trim();

export async function start(bench) {
  const { server, rounds, k } = bench;
  const project = await createProject(server, { tenants: 1, files: 10, k });
  await createDatabase(server, 'start', project);
  const run = (contestant) => timed(contestant.command({ ...project, url: server.url('start') }), { server });
  await run(up());
  for (const major of majors) {
    const node = nodeOf(major);
    const contestants = [bareNode(node), up([], { node })];
    const results = await interleaved(contestants, Math.max(rounds, fewestRounds), run);
    bench.tell(`start, Node ${major}`, results, contestants[0].name);
  }
  await dropDatabase(server, 'start');
}
