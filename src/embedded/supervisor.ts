import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ClusterInUse, ensureCluster, type RunningServer, startCluster } from './cluster.ts';
import { otherInCharge, type ServerAddress, type SupervisorOrder } from './order.ts';

const orphanAfterMs = 4_000;
const firstUserWithinMs = 20_000;

// A process of its own, because the server has to outlive the command that started it as long as another command uses
// it. If two commands each start a supervisor, PostgreSQL's lock file lets only one of them start the server.
async function supervise(order: SupervisorOrder): Promise<void> {
  ensureCluster(order);
  const server = await startOrTakeOver(order);
  rmSync(order.socket, { force: true });

  let users = 0;
  let closing = false;
  const address: ServerAddress = { url: server.url, pid: server.process.pid ?? 0 };
  const listener = createServer({ allowHalfOpen: true }, (user) => {
    // A user sends a line; a probe only connects.
    let using = false;
    user.once('data', () => {
      using = true;
      users += 1;
      user.write(`${JSON.stringify(address)}\n`);
    });
    const leave = () => {
      if (!using) return user.destroy();
      using = false;
      users -= 1;
      // The last user's connection stays open until this process ends, which shows that the server has stopped.
      if (users === 0) close();
      else user.end();
    };
    user.on('error', leave).on('end', leave).on('close', leave);
  });
  const close = () => {
    if (closing) return;
    closing = true;
    listener.close();
    void server.stop();
  };
  const unused = setTimeout(() => users === 0 && close(), firstUserWithinMs);
  unused.unref();
  server.process.once('exit', () => {
    listener.close();
    process.exit(0);
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, close);
  listener.listen(order.socket);
}

async function startOrTakeOver(order: SupervisorOrder): Promise<RunningServer> {
  try {
    return await startCluster(order);
  } catch (error) {
    if (!(error instanceof ClusterInUse)) throw error;
    // Another supervisor is starting, running or stopping the server, or crashed and left it running.
    for (let waited = 0; waited < orphanAfterMs; waited += 100) {
      await delay(100);
      if (await isListening(order.socket)) process.exit(otherInCharge);
    }
    // A server that starts or stops slowly is not an orphan.
    if (supervisorLives(error.pid)) process.exit(otherInCharge);
    stopOrphan(error.pid, join(order.dir, 'data'));
    await delay(500);
    return startCluster(order);
  }
}

/** True if the server's parent is a supervisor. An orphan has another parent. */
function supervisorLives(server: number | null): boolean {
  return server !== null && commandOf(parentOf(server)).includes('supervisor');
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return Number(processColumn('ppid=', pid));
  }
}

function stopOrphan(pid: number | null, data: string): void {
  if (pid === null || Number.isNaN(pid)) return;
  if (commandOf(pid).includes(data)) process.kill(pid, 'SIGQUIT');
  // Another program has this process ID now, which PostgreSQL cannot detect.
  else rmSync(join(data, 'postmaster.pid'), { force: true });
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return processColumn('command=', pid);
  }
}

/** Returns a column of `ps` for a process, or an empty text if it has ended. */
function processColumn(what: string, pid: number): string {
  try {
    return execFileSync('ps', ['-o', what, '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' });
  } catch {
    return '';
  }
}

async function isListening(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    probe.once('connect', () => resolve(true));
    probe.once('error', () => resolve(false));
    probe.once('close', () => resolve(false));
    probe.on('connect', () => probe.destroy());
  });
}

try {
  await supervise(JSON.parse(process.argv[2] ?? '{}') as SupervisorOrder);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
