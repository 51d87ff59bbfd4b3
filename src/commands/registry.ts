import type { Command } from './command.ts';

/** Every command by its name; each is loaded when it is needed. In the order in which help lists them. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import('./up.ts')).upCommand,
  plan: async () => (await import('./plan.ts')).planCommand,
  status: async () => (await import('./status.ts')).statusCommand,
  verify: async () => (await import('./verify.ts')).verifyCommand,
  init: async () => (await import('./init.ts')).initCommand,
  new: async () => (await import('./new.ts')).newCommand,
  'tenant create': async () => (await import('./tenant.ts')).tenantCreateCommand,
  'tenant list': async () => (await import('./tenant.ts')).tenantListCommand,
  repair: async () => (await import('./repair.ts')).repairCommand,
  locks: async () => (await import('./locks.ts')).locksCommand,
};

/** What commands of two words have in common, by the first one. */
export const groups: Readonly<Record<string, string>> = { tenant: 'Create and list tenants' };
