import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Config, loadConfig } from '../../src/project/config.ts';
import type { Settings } from '../../src/project/settings.ts';

/** A project folder with files, gone after the test. */
export interface TestProject {
  readonly dir: string;
  write(files: Readonly<Record<string, string | Buffer>>): void;
  remove(file: string): void;
  config(): Promise<Config>;
}

/** Makes a project; `settings` become its sqlmig.config.json, and both folders are there. */
export function project(
  settings: Omit<Settings, 'tenants'> & { tenants?: unknown },
  files: Readonly<Record<string, string | Buffer>> = {},
): TestProject {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-project-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const write: TestProject['write'] = (more) => {
    for (const [file, content] of Object.entries(more)) {
      mkdirSync(dirname(join(dir, file)), { recursive: true });
      writeFileSync(join(dir, file), content);
    }
  };
  for (const folder of ['sql/public', 'sql/tenant']) mkdirSync(join(dir, folder), { recursive: true });
  write({ 'sqlmig.config.json': JSON.stringify(settings), ...files });
  return {
    dir,
    write,
    remove: (file) => rmSync(join(dir, file)),
    config: () => loadConfig({ cwd: dir, env: {} }),
  };
}

/** Names `prefix_1` to `prefix_n`. */
export function numbered(prefix: string, n: number): string[] {
  return Array.from({ length: n }, (_, i) => `${prefix}_${i + 1}`);
}
