import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Account } from '../../src/embedded/account.ts';
import { serverBinaries } from '../../src/embedded/binaries.ts';

const folder = fileURLToPath(new URL('../servers', import.meta.url));

/** Whether the server of another major version is there; `npm ci --prefix test/servers` installs it. */
export function hasOtherServer(major: number): boolean {
  return existsSync(join(folder, 'node_modules', `pg${major}`));
}

/** The folder with `bin/postgres` of another major version. */
export function otherServerBinaries(major: number, account: Account): string {
  return serverBinaries(folder, account, `pg${major}`);
}
