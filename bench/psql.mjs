// The psql that is measured.
import { execFileSync } from 'node:child_process';
import { readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of psql itself: Debian has a wrapper on the PATH, which starts Perl first and doubles the time of a short run. */
function psqlFolder() {
  const path = realpathSync(execFileSync('sh', ['-c', 'command -v psql'], { encoding: 'utf8' }).trim());
  if (!path.endsWith('/pg_wrapper')) return dirname(path);
  const installed = '/usr/lib/postgresql';
  const [newest] = readdirSync(installed).sort((a, b) => Number(b) - Number(a));
  return join(installed, newest, 'bin');
}

/** The environment of measured programs, with that psql. */
export const environment = { ...process.env, PATH: `${psqlFolder()}:${process.env.PATH}`, NO_COLOR: '1' };

/** The version of psql. */
export const psqlVersion = () =>
  execFileSync('psql', ['--version'], { env: environment, encoding: 'utf8' }).match(/[\d.]+/)[0];
