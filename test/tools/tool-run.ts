import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Files, Place, Tool } from './tools.ts';

const runners = fileURLToPath(new URL('runners', import.meta.url));

/** How a run of a tool ended. */
export interface ToolEnd {
  readonly code: number | null;
  readonly output: string;
}

/** Writes a tool's files into a folder of their own. */
export function toolFolder(files: Files): string {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-tool-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  writeInto(dir, files);
  return dir;
}

/** Writes files below a folder. */
export function writeInto(dir: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
}

/** Puts our runners beside the packages that they import. */
export function placeRunners(dir: string): void {
  cpSync(runners, dir, { recursive: true });
}

/** Starts a tool, in a time zone that is not the server's. */
export function startTool(tool: Tool, place: Place): { kill: () => void; ended: Promise<ToolEnd> } {
  const { program, args, env = {} } = tool.start(place);
  const child = spawn(process.execPath, [join(place.tool, program), ...args], {
    cwd: place.dir,
    env: { PATH: process.env.PATH ?? '', HOME: place.tool, TZ: 'America/New_York', ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk;
    });
  const ended = new Promise<ToolEnd>((resolve) => {
    child.once('close', (code) => resolve({ code, output }));
  });
  // Some tools are a program that a script starts.
  return { kill: () => void process.kill(-(child.pid ?? 0), 'SIGKILL'), ended };
}
