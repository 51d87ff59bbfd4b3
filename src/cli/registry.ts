import type { Command } from './command.ts';

/** Every command by name, in the order in which help lists them. Each is loaded only when it is needed. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./commands/up.ts')).upCommand,
  down: async () => (await import('./commands/down.ts')).downCommand,
  plan: async () => (await import('./commands/plan.ts')).planCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  runs: async () => (await import('./commands/runs.ts')).runsCommand,
  verify: async () => (await import('./commands/verify.ts')).verifyCommand,
  check: async () => (await import('./commands/check.ts')).checkCommand,
  init: async () => (await import('./commands/init.ts')).initCommand,
  new: async () => (await import('./commands/new.ts')).newCommand,
  snapshot: async () => (await import('./commands/snapshot.ts')).snapshotCommand,
  'tenant create': async () => (await import('./commands/tenant.ts')).tenantCreateCommand,
  'tenant drop': async () => (await import('./commands/tenant.ts')).tenantDropCommand,
  'tenant clone': async () => (await import('./commands/tenant-copy.ts')).tenantCloneCommand,
  'tenant rename': async () => (await import('./commands/tenant-copy.ts')).tenantRenameCommand,
  'tenant move': async () => (await import('./commands/tenant-move.ts')).tenantMoveCommand,
  'tenant exists': async () => (await import('./commands/tenant.ts')).tenantExistsCommand,
  'tenant list': async () => (await import('./commands/tenant.ts')).tenantListCommand,
  'db create': async () => (await import('./commands/db.ts')).dbCreateCommand,
  'db drop': async () => (await import('./commands/db.ts')).dbDropCommand,
  repair: async () => (await import('./commands/repair.ts')).repairCommand,
  adopt: async () => (await import('./commands/adopt.ts')).adoptCommand,
  locks: async () => (await import('./commands/locks.ts')).locksCommand,
};

/** Descriptions of the commands of two words, by the first one. */
export const groups: Readonly<Record<string, string>> = {
  tenant: 'Create, drop and list tenants',
  db: 'Create and drop the databases of the config',
};

/** Commands by the names that other migration tools give them. */
export const commandsElsewhere: Readonly<Record<string, string>> = {
  migrate: 'up',
  apply: 'up',
  deploy: 'up',
  latest: 'up',
  info: 'status',
  validate: 'verify',
  lint: 'check',
  preview: 'plan',
  rehearse: 'up --rehearse',
  create: 'new',
  add: 'new',
  generate: 'new',
  make: 'new',
  tenants: 'tenant list',
  resolve: 'repair',
  resume: 'repair',
  unlock: 'locks --kill',
  baseline: 'adopt --baseline',
  rollback: 'down',
  revert: 'down',
  undo: 'down',
};

/** What this version does not do, by the names that other migration tools have for it, with a way to do it. */
export const notInThisVersion: Readonly<Record<string, string>> = Object.fromEntries([
  ['redo', 'there is no redo; use sqlmig down --steps 1, then sqlmig up'],
  ...['drop', 'clean', 'reset', 'dump'].map((word) => [
    word,
    'drop a tenant with sqlmig tenant drop NAME, and a database with sqlmig db drop; to dump, use pg_dump',
  ]),
]);
