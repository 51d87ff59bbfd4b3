import { execFileSync, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';

/** Why containers of an image cannot be run here; `null` where they can. */
export function imageMissing(base: string): string | null {
  try {
    execFileSync('docker', ['version'], { stdio: 'ignore' });
  } catch {
    return 'there is no Docker engine';
  }
  try {
    execFileSync('docker', ['image', 'inspect', base], { stdio: 'ignore' });
    return null;
  } catch {
    return `the image ${base} is not here (docker pull ${base})`;
  }
}

/** How a container ended. */
export interface ContainerEnd {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a container on the host's network, as a deployment would run it: no rights, no home, nothing to write to. */
export function runContainer(
  image: string,
  name: string,
  options: readonly string[],
  args: readonly string[] = [],
): Promise<ContainerEnd> {
  const strict = [
    '--read-only',
    '--user',
    '12345:12345',
    '--cap-drop',
    'ALL',
    '--memory',
    '64m',
    '--network',
    'host',
  ];
  const child = spawn('docker', ['run', '--rm', '--name', name, ...strict, ...options, image, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  onTestFinished(() => {
    try {
      execFileSync('docker', ['rm', '-f', name], { stdio: 'ignore' });
    } catch {
      // It is gone already.
    }
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}

/** Waits for a condition while a container runs; fails with the container's output if that ends before. */
export async function whileRunning(
  running: Promise<ContainerEnd>,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  let end: ContainerEnd | null = null;
  void running.then((ended) => {
    end = ended;
  });
  while (!(await condition())) {
    expect(end).toBeNull();
    await delay(100);
  }
}

/** What `docker` prints about a container; an empty text before it exists. */
export function insideContainer(...args: string[]): string {
  try {
    return execFileSync('docker', args, { encoding: 'utf8', stdio: 'pipe' });
  } catch {
    return '';
  }
}
