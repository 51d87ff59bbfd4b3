// What processes used, from /proc.
import { readFileSync } from 'node:fs';

// USER_HZ is 100 on every Linux that Node supports.
const msPerTick = 10;

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** CPU times of a process in milliseconds: its own, and that of its children that have ended. */
function cpuOf(pid) {
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ')
    .slice(11, 15)
    .map(Number);
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields;
  return { own: (user + system) * msPerTick, ended: (childrenUser + childrenSystem) * msPerTick };
}

const childrenOf = (pid) => read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean);

/** CPU that a server's processes have used, in milliseconds. */
export function serverCpu(pid) {
  const { own, ended } = cpuOf(pid);
  return childrenOf(pid).reduce((sum, child) => sum + cpuOf(child).own, own + ended);
}

/** CPU that the ended children of this process have used, in milliseconds. */
export const clientCpu = () => cpuOf('self').ended;

const megabytes = (pid, field) =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;

/** Watches memory until `stop()`: the peak of a program, and of its server's largest process without shared memory, in MB. */
export function watchMemory(programPid, serverPid) {
  const peaks = { program: 0, backend: 0 };
  const timer = setInterval(() => {
    peaks.program = Math.max(peaks.program, megabytes(programPid, 'VmHWM'));
    for (const pid of childrenOf(serverPid))
      peaks.backend = Math.max(peaks.backend, megabytes(pid, 'RssAnon'));
  }, 50);
  return {
    stop() {
      clearInterval(timer);
      return peaks;
    },
  };
}

/** The file system that a folder is in, such as `tmpfs` or `ext4`. */
export function fileSystemOf(dir) {
  const mounts = read('/proc/mounts')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point]) => point === '/' || `${dir}/`.startsWith(`${point}/`))
    .sort(([, a], [, b]) => b.length - a.length);
  return mounts[0]?.[2] ?? 'unknown';
}
