import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { hasOtherServer } from './other-servers.ts';

/** A pg_dump of this machine. */
export interface Dumper {
  readonly major: number;
  /** Dumps a database with these options, as plain SQL. */
  dump(url: string, options: readonly string[]): string;
}

/** The newest pg_dump that is there with a server of its version; why there is none, otherwise. */
export function findDumper(): Dumper | string {
  const debian = '/usr/lib/postgresql';
  const paths = [
    'pg_dump',
    ...(existsSync(debian) ? readdirSync(debian).map((major) => join(debian, major, 'bin/pg_dump')) : []),
  ];
  const found = paths
    .map((path) => ({ path, major: majorOf(path) }))
    .filter(({ major }) => major >= 15)
    .sort((a, b) => b.major - a.major)[0];
  if (found === undefined) return 'pg_dump 15 or newer is not installed';
  const { path, major } = found;
  if (major < 18 && !hasOtherServer(major))
    return `PostgreSQL ${major}, which pg_dump is of, is not installed: npm ci --prefix test/servers`;
  return {
    major,
    dump: (url, options) => execFileSync(path, [...options, url], { encoding: 'utf8' }),
  };
}

function majorOf(path: string): number {
  try {
    const version = execFileSync(path, ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number(/(\d+)/.exec(version)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
