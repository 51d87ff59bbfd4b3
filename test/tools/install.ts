import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const cache = fileURLToPath(new URL('../../node_modules/.tools', import.meta.url));

/** Package names with exact versions. */
export type Packages = Readonly<Record<string, string>>;

/** The folder that a tool was installed into, or why it cannot be. */
export type Installed = { readonly dir: string } | { readonly skipped: string };

/** Installs packages with npm, without their install scripts, into a cache that outlives the run. */
export async function installed({
  packages,
  needs,
}: {
  readonly packages: Packages;
  readonly needs?: string;
}): Promise<Installed> {
  if (needs !== undefined && spawnSync(needs, ['-version']).error !== undefined)
    return { skipped: `it needs ${needs}` };
  const [name = ''] = Object.keys(packages);
  const dir = join(cache, name.replace('/', '+'));
  const done = join(dir, 'installed.json');
  const wanted = JSON.stringify(packages);
  if (existsSync(done) && readFileSync(done, 'utf8') === wanted) return { dir };
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true, dependencies: packages }));
  const args = [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-package-lock',
    '--prefer-offline',
  ];
  try {
    await promisify(execFile)('npm', args, { cwd: dir });
  } catch (error) {
    const { stderr } = error as { stderr: string };
    const why = stderr.split('\n').find((line) => line.startsWith('npm error'));
    return { skipped: `npm could not install it: ${why?.replace('npm error ', '') ?? String(error)}` };
  }
  writeFileSync(done, wanted);
  return { dir };
}
